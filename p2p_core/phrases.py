"""Finding a phrase that a person typed among the words of a prompt.

A person types ``teddy-bear``, ``"Teddy bear,"`` or ``dog#2``; the tokenizer made ``teddy``, ``-``, ``bear``. Both sides
are therefore cut into the units that CLIP never joins (runs of letters, single digits), and punctuation is ignored.
"""

import difflib
import itertools
import unicodedata
from collections.abc import Sequence

from .errors import P2PError

_MOST_DIGITS = 9  # of an occurrence: longer ones are no number of words, and Python refuses to read very long ones
_LONGEST_PHRASE = 10_000  # characters
_MOST_OFFERED = 100  # words of a prompt in a message
_LONGEST_MISTYPED = 100  # characters
_ASCII_SYMBOLS = frozenset("$+<=>^`|~")  # punctuation to a reader, symbols to Unicode


def is_punctuation(text: str) -> bool:
    """True where no character of the text is a letter, a digit or a pictogram."""
    return all(unicodedata.category(character)[0] in "PZC" or character in _ASCII_SYMBOLS for character in text)


def units_of(text: str) -> tuple[str, ...]:
    """Runs of letters and single other characters, case-folded: ``"Teddy-bear 20"`` is teddy, bear, 2, 0."""
    units: list[str] = []
    for is_letters, run in itertools.groupby(text.casefold(), str.isalpha):
        characters = "".join(run)
        units += [characters] if is_letters else characters
    return tuple(unit for unit in units if not is_punctuation(unit))


def split_occurrence(phrase: str) -> tuple[str, int | None]:
    """``"dog#2"`` is (``"dog"``, 2); without a number it is (``"dog"``, None)."""
    wanted, mark, number = (part.strip() for part in phrase.rpartition("#"))
    if mark and number.isdecimal() and len(number) <= _MOST_DIGITS:
        return wanted, int(number)
    return phrase.strip(), None


class Spelled:
    """Words of a prompt in order, punctuation included, laid out once for any number of searches.

    Their units stand end to end, so that a search compares runs of them; ``_first`` says where a unit begins a word.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._units: list[str] = []
        self._first: dict[str, list[int]] = {}
        self._offset: list[int] = []  # of each word's first unit
        self._last: dict[int, int] = {}  # by the number of units up to the end of a word: the word after it
        for number, word in enumerate(self.words):
            units = units_of(word)
            self._offset.append(len(self._units))
            self._units += units
            if units:
                self._first.setdefault(units[0], []).append(number)
                self._last[len(self._units)] = number + 1

    def places_of(self, phrase: str) -> list[range]:
        """Every place, left to right and without overlap, where consecutive words spell a phrase: indices of words."""
        wanted = list(units_of(phrase))
        spans: list[range] = []
        for first in self._first.get(wanted[0], ()) if wanted else ():
            begin = self._offset[first]
            last = self._last.get(begin + len(wanted))
            is_free = not spans or first >= spans[-1].stop
            if is_free and last is not None and self._units[begin : begin + len(wanted)] == wanted:
                spans.append(range(first, last))
        return spans


def meant_places(spelled: Spelled, phrase: str) -> tuple[range, ...]:
    """What ``find_phrase`` finds; nothing where it would refuse."""
    if len(phrase) > _LONGEST_PHRASE:
        return ()
    wanted, number = split_occurrence(phrase)
    spans = tuple(spelled.places_of(wanted))
    return spans if number is None else spans[number - 1 : number] if number else ()


def find_phrase(spelled: Spelled, phrase: str, prompt: str) -> tuple[range, ...]:
    """Where a word or phrase stands among the words of a prompt.

    Args:
        spelled: the words of the prompt.
        phrase: a word, or consecutive words; case and punctuation do not matter; ``phrase#2`` is its second occurrence.
        prompt: the text of the prompt, for the message.

    Returns:
        Ranges of indices into the words: one per occurrence, or the one that was asked for.

    Raises:
        P2PError: the phrase is not there, or not that often.
    """
    found = meant_places(spelled, phrase)
    if found:
        return found
    if len(phrase) > _LONGEST_PHRASE:
        raise P2PError(
            f'"{phrase}" has {len(phrase)} characters, and a phrase has {_LONGEST_PHRASE} at the most: write the word '
            "or the few words that you mean."
        )
    wanted, number = split_occurrence(phrase)
    if not units_of(wanted):
        raise P2PError(f'"{phrase}" names no word. {_words_there(spelled.words, prompt)}')
    there = len(spelled.places_of(wanted))
    if not there:
        raise P2PError(f'"{wanted}" is not in the prompt "{prompt}". {_words_there(spelled.words, prompt, wanted)}')
    raise P2PError(
        f'"{phrase}" asks for occurrence {number} of "{wanted}", but the prompt "{prompt}" has {there}. '
        f"Count from #1 to #{there}."
    )


def _words_there(words: Sequence[str], prompt: str, wanted: str = "") -> str:
    """The second half of a message: which words could have been meant."""
    offered = list(dict.fromkeys(word for word in words if not is_punctuation(word)))
    if not offered:
        return f'The prompt "{prompt}" has no words: write some first.'
    rest = f" and {len(offered) - _MOST_OFFERED} more" if len(offered) > _MOST_OFFERED else ""
    return f"Its words are: {', '.join(offered[:_MOST_OFFERED])}{rest}.{_suggestion(offered, wanted)}"


def _suggestion(offered: Sequence[str], wanted: str) -> str:
    """The closest word; none for texts that nobody mistypes, which would take the square of their length."""
    if len(wanted) > _LONGEST_MISTYPED:
        return ""
    comparable = [word.casefold() for word in offered if len(word) <= _LONGEST_MISTYPED]
    closest = difflib.get_close_matches(wanted.casefold(), comparable, n=1)
    return f' Did you mean "{closest[0]}"?' if closest else ""
