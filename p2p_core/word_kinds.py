"""A rough sorting of words, used only to choose between alignments that are otherwise equally good.

In ``a cat`` → ``a fluffy dog`` the cat should become the dog: a noun phrase ends with its head. That takes no grammar,
only a list of words that end a phrase. Prompts in other languages lose this preference and nothing else.
"""

from collections.abc import Sequence
from typing import Literal

Kind = Literal["linking", "modifier", "head", "punctuation"]

_LINKING = """
    a an the this that these those some its his her their my your our one two three
    and or but with without of in on at by to from for near next behind under over above below beside between inside
    into onto through against around across along as like is are was were be has have
    wearing holding riding sitting standing lying eating drinking playing running walking swimming flying sleeping
    looking jumping reading carrying made covered surrounded filled
"""
LINKING_WORDS = frozenset(_LINKING.split())


def kinds_of_words(words: Sequence[str], punctuation: Sequence[bool]) -> tuple[Kind, ...]:
    """The kind of every word; the last content word before a linking word, punctuation or the end is a head."""
    kinds: list[Kind] = []
    ends_phrase = True
    for word, is_punctuation in zip(reversed(words), reversed(punctuation), strict=True):
        if is_punctuation or word in LINKING_WORDS:
            kinds.append("punctuation" if is_punctuation else "linking")
            ends_phrase = True
        else:
            kinds.append("head" if ends_phrase else "modifier")
            ends_phrase = False
    return tuple(reversed(kinds))
