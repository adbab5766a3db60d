"""The words of an edit as plain data, for showing them before anything has run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from .edit import WHOLE, Edit, refine, replace
from .errors import P2PError
from .grammar import parse_words
from .phrases import Spelled, split_occurrence
from .prompt import Prompt

EditKind = Literal["replace", "refine"]
_EDITS: Mapping[str, Callable[..., Edit]] = {"replace": replace, "refine": refine}


def word_view(source: Prompt, target: Prompt, kind: EditKind = "replace") -> dict:
    """What JSON can hold of the words of two prompts and of how the edit aligns them.

    Returns:
        ``source`` and ``target``: the words in order, each with its ``text``, the ``phrase`` that means it and no other
        word (None where there is none), its ``tokens`` as [chunk, place in the chunk], ``punctuation``, and whether
        the edit lets it inherit attention (``inherits``, of the target). ``pairs``: in the order of both prompts, what
        became of which words, as indices.

    Raises:
        P2PError: prompts that cannot be aligned, or a kind of edit that there is not.
    """
    if kind not in _EDITS:
        raise P2PError(f'There is no kind of edit "{kind}": use {" or ".join(_EDITS)}.')
    edit = _EDITS[kind](source, target, WHOLE, None)
    words = _words(target)
    for word, shown in zip(target.words, words, strict=True):
        shown["inherits"] = bool(edit.inherits[list(word.positions)].all())
    return {"source": _words(source), "target": words, "pairs": _pairs(edit)}


def _pairs(edit: Edit) -> list[dict]:
    """Words own different tokens each, so the tokens tell equal words apart."""
    numbers = [
        {word.positions: number for number, word in enumerate(prompt.words)} for prompt in (edit.source, edit.target)
    ]
    return [
        {
            "change": pair.change,
            "source": [numbers[0][word.positions] for word in pair.source],
            "target": [numbers[1][word.positions] for word in pair.target],
        }
        for pair in edit.alignment.pairs
    ]


def _words(prompt: Prompt) -> list[dict]:
    phrases = _phrases(prompt)
    return [
        {
            "text": word.text,
            "phrase": phrases[number],
            "tokens": [list(divmod(position, prompt.chunk_length)) for position in word.positions],
            "punctuation": word.is_punctuation,
        }
        for number, word in enumerate(prompt.words)
    ]


def _phrases(prompt: Prompt) -> list[str | None]:
    """For every word what to write in a text input to mean it alone: ``cat``, ``dog#2``."""
    texts = [word.text for word in prompt.words]
    spelled = Spelled(texts)
    places = {text: spelled.places_of(text) for text in dict.fromkeys(texts)}
    return [
        None if word.is_punctuation else _phrase(word.text, range(number, number + 1), places[word.text])
        for number, word in enumerate(prompt.words)
    ]


def _phrase(text: str, place: range, places: Sequence[range]) -> str | None:
    if place not in places:
        return None  # a phrase before it takes it in
    is_alone = len(places) == 1 and split_occurrence(text)[1] is None  # "style#2" alone would be a second style
    (phrase,) = parse_words(text if is_alone else f"{text}#{places.index(place) + 1}")
    return phrase
