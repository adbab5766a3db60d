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


def places_of(words: Sequence[str], phrase: str) -> list[range]:
    """Every place, left to right and without overlap, where consecutive words spell the phrase: indices of words."""
    wanted = units_of(phrase)
    spelled = [units_of(word) for word in words]
    spans: list[range] = []
    first = 0
    while first < len(words):
        units: tuple[str, ...] = ()
        last = first
        while spelled[first] and last < len(words) and len(units) < len(wanted):
            units += spelled[last]
            last += 1
        if wanted and units == wanted:
            spans.append(range(first, last))
            first = last
        else:
            first += 1
    return spans


def find_phrase(words: Sequence[str], phrase: str, prompt: str) -> tuple[range, ...]:
    """Where a word or phrase stands among the words of a prompt.

    Args:
        words: the words of the prompt in order, punctuation included.
        phrase: a word, or consecutive words; case and punctuation do not matter; ``phrase#2`` is its second occurrence.
        prompt: the text of the prompt, for the message.

    Returns:
        Ranges of indices into ``words``: one per occurrence, or the one that was asked for.

    Raises:
        P2PError: the phrase is not there, or not that often.
    """
    wanted, number = split_occurrence(phrase)
    if not units_of(wanted):
        raise P2PError(f'"{phrase}" names no word. {_words_there(words, prompt)}')
    spans = places_of(words, wanted)
    if not spans:
        raise P2PError(f'"{wanted}" is not in the prompt "{prompt}". {_words_there(words, prompt, wanted)}')
    if number is None:
        return tuple(spans)
    if not 1 <= number <= len(spans):
        raise P2PError(
            f'"{phrase}" asks for occurrence {number} of "{wanted}", but the prompt "{prompt}" has {len(spans)}. '
            f"Count from #1 to #{len(spans)}."
        )
    return (spans[number - 1],)


def _words_there(words: Sequence[str], prompt: str, wanted: str = "") -> str:
    """The second half of a message: which words could have been meant."""
    offered = list(dict.fromkeys(word for word in words if not is_punctuation(word)))
    if not offered:
        return f'The prompt "{prompt}" has no words: write some first.'
    closest = difflib.get_close_matches(wanted.casefold(), [word.casefold() for word in offered], n=1)
    suggestion = f' Did you mean "{closest[0]}"?' if closest else ""
    return f"Its words are: {', '.join(offered)}.{suggestion}"
