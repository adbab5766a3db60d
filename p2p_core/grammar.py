"""The one grammar of all text inputs: entries separated by newlines or commas, each about a word or phrase of a prompt.

    word windows   ``dog: 0-0.4``, ``teddy bear#2: 0.3``       a number alone is a window from 0 to it
    scales         ``night: 1.6``, ``pink: -1 @ 0.2-0.8``      without a window: all the time
    words          ``cat, teddy bear, dog#2``

The last colon of an entry ends its phrase, so that ``embedding:name: 0.4`` is one. White space and quotes around
entries, phrases and values do not count, and a dash may be a typographic one. A phrase may stand in several entries:
of its windows the last one wins, its scales multiply.

Every ``format_…`` writes what its ``parse_…`` reads back. The same texts mean the same in the browser:
``tests/grammar_cases.json`` is the contract of both.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from .errors import P2PError
from .phrases import split_occurrence
from .windows import Window

__all__ = [
    "LARGEST_SCALE",
    "MOST_ENTRIES",
    "format_scales",
    "format_word_windows",
    "format_words",
    "parse_scales",
    "parse_word_windows",
    "parse_words",
]

LARGEST_SCALE = 100.0
MOST_ENTRIES = 1000  # of a text: each is searched for in every prompt, and asked for at every step
_ALWAYS = Window(0.0, 1.0)

_SEPARATORS = re.compile(r"[\n,]")
_SPACE = re.compile(r"[\s\ufeff]+")  # \ufeff is white space to JavaScript only, \x1c-\x1f and \x85 to Python only
_AROUND = " \"'`“”„‟‘’‚‛«»‹›「」『』"
_DASHES = str.maketrans("–−", "--")
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_BOUNDS = re.compile(rf"(?:(?P<start>{_NUMBER}) ?- ?)?(?P<end>{_NUMBER})")
_SCALE = re.compile(rf"(?P<scale>[-+]?{_NUMBER})(?: ?@ ?(?P<window>.+))?")
_EXPONENT = re.compile(r"(?:^|[-+@ ])[\d.]*\d\.?e[-+]?\d", re.IGNORECASE)
_VALUE_ALONE = re.compile(r"[-+@. ]*\d[-+@.\d ]*")
_LONGEST_QUOTE = 80  # characters of an entry in a message


class _Kind(NamedTuple):
    """How messages speak of an entry."""

    name: str
    shape: str
    example: str


_WORD_WINDOW = _Kind("a window of a word", '"word: start-end"', '"dog: 0-0.4"')
_WORD_SCALE = _Kind("a scale of a word", '"word: scale" or "word: scale @ start-end"', '"night: 1.6 @ 0-0.8"')
_WORD = _Kind("a word or phrase", "words separated by commas", '"cat, teddy bear, dog#2"')


def parse_word_windows(text: str) -> tuple[tuple[str, Window], ...]:
    """Read ``dog: 0-0.4`` entries; ``dog: 0.4`` means ``0-0.4``.

    Returns:
        (word or phrase, window) in the order they are written; for one word, later entries win.

    Raises:
        P2PError: an entry without a word or without bounds in 0–1.
    """
    return tuple(_word_window(entry) for entry in _entries(text))


def parse_scales(text: str) -> tuple[tuple[str, float, Window], ...]:
    """Read ``night: 1.6`` and ``pink: -1 @ 0.2-0.8`` entries.

    Returns:
        (word or phrase, scale in ±``LARGEST_SCALE``, window) in the order they are written; for one word they multiply.

    Raises:
        P2PError: an entry without a word or without a scale, or with one that is too large, or bad bounds.
    """
    return tuple(_word_scale(entry) for entry in _entries(text))


def parse_words(text: str) -> tuple[str, ...]:
    """Read ``cat, teddy bear, dog#2``.

    Returns:
        Words or phrases in the order they are written.

    Raises:
        P2PError: an occurrence of no word, or occurrence 0.
    """
    return tuple(_phrase(entry, entry, _WORD) for entry in _entries(text))


def format_word_windows(windows: Iterable[tuple[str, Window]]) -> str:
    """The text that ``parse_word_windows`` reads as these, one a line.

    A comma or line break inside a phrase is written as a space: searching a prompt ignores both.

    Raises:
        P2PError: a phrase without any character.
    """
    return "\n".join(f"{_writable(phrase, _WORD_WINDOW)}: {_bounds(window)}" for phrase, window in windows)


def format_scales(scales: Iterable[tuple[str, float, Window]]) -> str:
    """The text that ``parse_scales`` reads as these, one a line; phrases as in ``format_word_windows``.

    Raises:
        P2PError: a phrase without any character, or a scale outside ±``LARGEST_SCALE``.
    """
    lines = []
    for phrase, scale, window in scales:
        line = f"{_writable(phrase, _WORD_SCALE)}: {_number(_checked_scale(scale, phrase))}"
        lines.append(line if window == _ALWAYS else f"{line} @ {_bounds(window)}")
    return "\n".join(lines)


def format_words(words: Iterable[str]) -> str:
    """The text that ``parse_words`` reads as these, in one line; phrases as in ``format_word_windows``.

    Raises:
        P2PError: a phrase without any character.
    """
    return ", ".join(_writable(phrase, _WORD) for phrase in words)


def _entries(text: str) -> Iterator[str]:
    """The entries that are not blank, with single spaces."""
    entries = [entry for entry in _SEPARATORS.split(text) if _trimmed(entry)]
    if len(entries) > MOST_ENTRIES:
        raise P2PError(
            f"The text has {len(entries)} entries: write no more than {MOST_ENTRIES}. The first is "
            f'"{_quoted(_trimmed(entries[0]))}".'
        )
    for entry in entries:
        yield _SPACE.sub(" ", entry).strip()


def _trimmed(text: str) -> str:
    return _SPACE.sub(" ", text).strip(_AROUND)


def _word_window(entry: str) -> tuple[str, Window]:
    phrase, value = _phrase_and_value(entry, _WORD_WINDOW)
    return phrase, _window(value, entry, _WORD_WINDOW)


def _word_scale(entry: str) -> tuple[str, float, Window]:
    phrase, value = _phrase_and_value(entry, _WORD_SCALE)
    parts = _SCALE.fullmatch(value)
    if parts is None:
        raise _refusal(entry, _WORD_SCALE)
    window = _ALWAYS if parts["window"] is None else _window(parts["window"], entry, _WORD_SCALE)
    return phrase, _checked_scale(float(parts["scale"]), entry), window


def _phrase_and_value(entry: str, kind: _Kind) -> tuple[str, str]:
    phrase, colon, value = _trimmed(entry).rpartition(":")
    value = _trimmed(value).translate(_DASHES)
    if not colon and _VALUE_ALONE.fullmatch(value):
        raise P2PError(
            f'"{_quoted(entry)}" has no word: write {kind.shape}, such as {kind.example}. '
            "Decimals take a point, because a comma ends an entry."
        )
    if _EXPONENT.search(value):
        raise P2PError(f'"{_quoted(entry)}" has a number with an exponent: write it in full, such as {kind.example}.')
    return _phrase(phrase, entry, kind), value


def _phrase(written: str, entry: str, kind: _Kind) -> str:
    """The one spelling of a phrase: ``' "dog" # 02 '`` is ``dog#2``."""
    phrase, occurrence = split_occurrence(_trimmed(written))
    phrase = _trimmed(phrase)
    if not phrase:
        raise _refusal(entry, kind)
    if occurrence == 0:
        raise P2PError(f'"{_quoted(entry)}" asks for occurrence 0: count from 1, such as "{_quoted(phrase)}#1".')
    return phrase if occurrence is None else f"{phrase}#{occurrence}"


def _window(value: str, entry: str, kind: _Kind) -> Window:
    bounds = _BOUNDS.fullmatch(value)
    if bounds is None:
        raise _refusal(entry, kind)
    try:
        return Window(float(bounds["start"] or 0), float(bounds["end"]))
    except P2PError as error:
        raise P2PError(f'In "{_quoted(entry)}": {error} For example, {kind.example}.') from error


def _checked_scale(scale: float, entry: str) -> float:
    if not -LARGEST_SCALE <= scale <= LARGEST_SCALE:
        raise P2PError(
            f'In "{_quoted(entry)}": a scale goes from -{LARGEST_SCALE:g} to {LARGEST_SCALE:g}, and 1 changes nothing. '
            f"For example, {_WORD_SCALE.example}."
        )
    return scale + 0.0  # -0 is 0


def _refusal(entry: str, kind: _Kind) -> P2PError:
    return P2PError(f'"{_quoted(entry)}" is not {kind.name}: write {kind.shape}, such as {kind.example}.')


def _quoted(entry: str) -> str:
    return entry if len(entry) <= _LONGEST_QUOTE else f"{entry[: _LONGEST_QUOTE - 1]}…"


def _writable(phrase: str, kind: _Kind) -> str:
    return _phrase(_SEPARATORS.sub(" ", phrase), phrase, kind)


def _bounds(window: Window) -> str:
    return f"{_number(window.start)}-{_number(window.end)}"


def _number(value: float) -> str:
    """The shortest decimal that is read as the same number, without an exponent: 1, 0.25, -1.5, 0.00001."""
    digits = f"{Decimal(repr(float(value) + 0.0)):f}"  # + 0.0: a minus before a zero would be read as a dash
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
