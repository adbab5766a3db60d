"""The three grammars side by side, and entries as lists of plain values, as JSON has them."""

import re
from collections.abc import Callable
from typing import NamedTuple

from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.grammar import (
    format_scales,
    format_word_windows,
    format_words,
    parse_scales,
    parse_word_windows,
    parse_words,
)
from p2p.p2p_core.windows import Window


class Grammar(NamedTuple):
    """A reader, a writer, and what makes an entry of the plain values of a case."""

    parse: Callable
    write: Callable
    entry: Callable


GRAMMAR = {
    "word_windows": Grammar(parse_word_windows, format_word_windows, lambda case: (case[0], Window(case[1], case[2]))),
    "scales": Grammar(parse_scales, format_scales, lambda case: (case[0], case[1], Window(case[2], case[3]))),
    "words": Grammar(parse_words, format_words, str),
}


def flat(entry):
    """The plain values of an entry: ``["dog", 0.0, 0.4]``, or the phrase alone."""
    if isinstance(entry, str):
        return entry
    *values, window = entry
    return [*values, window.start, window.end]


def word_windows_of_first_version(text):
    """The parser of version 0.1, as it was: workflows were saved with texts that it read."""
    number = r"\d+(?:\.\d*)?|\.\d+"
    found = []
    for entry in (entry.strip() for entry in re.split(r"[\n,]", text)):
        if not entry:
            continue
        phrase, _, bounds = (part.strip() for part in entry.rpartition(":"))
        numbers = re.match(rf"^(?:(?P<start>{number})\s*-\s*)?(?P<end>{number})$", bounds)
        if not phrase or numbers is None:
            raise P2PError(entry)
        found.append((phrase, Window(float(numbers["start"] or 0), float(numbers["end"]))))
    return tuple(found)
