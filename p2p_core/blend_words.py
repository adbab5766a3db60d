"""Which tokens a local blend looks at, from the words a person gave or left out."""

from collections.abc import Sequence
from dataclasses import dataclass

from .edit import Edit
from .errors import P2PError
from .presence import refuse_missing, stands_in
from .prompt import Prompt

Positions = tuple[int, ...]


@dataclass(frozen=True)
class BlendWords:
    """Phrases as typed: of the target and of the source that may change, and of either that must not."""

    target: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class BlendPositions:
    """The same as token positions of one source and one target, and for messages."""

    source: Positions
    target: Positions
    keep_source: Positions
    keep_target: Positions
    words: str


def words_of_blend(edits: Sequence[Edit], words: BlendWords, needs_words: bool = True) -> tuple[BlendPositions, ...]:
    """The tokens of one target's blend, per part of its conditioning.

    Without target words, those are meant that the edit changes: replaced and added ones, and those that it scales or
    moves. Without source words, those are meant that the target words inherit from or took the place of.

    Args:
        edits: of the same target, one per prompt of a combined conditioning.
        needs_words: False where a mask is used instead.

    Raises:
        P2PError: a word that no prompt has, or an edit that changes no word.
    """
    sources, targets = [edit.source for edit in edits], [edit.target for edit in edits]
    refuse_missing(words.target, targets)
    refuse_missing(words.source, sources)
    refuse_missing(words.keep, [*targets, *sources])
    found = tuple(_positions(edit, words) for edit in edits)
    if needs_words and not any(positions.source or positions.target for positions in found):
        raise P2PError(
            f'The edit of "{sources[0].text}" changes no word, so there is nothing to blend: name the words that may '
            "change in target_words."
        )
    if needs_words and all(_is_kept(positions) for positions in found):
        words_of_parts = ", ".join(dict.fromkeys(positions.words for positions in found if positions.words))
        raise P2PError(
            f'All words that may change in the local blend ("{words_of_parts}") are among keep_words, so nothing may: '
            "take them out of keep_words."
        )
    return found


def _is_kept(positions: BlendPositions) -> bool:
    """Whether all that may change must not."""
    return set(positions.source) <= set(positions.keep_source) and set(positions.target) <= set(positions.keep_target)


def _positions(edit: Edit, words: BlendWords) -> BlendPositions:
    target = _find(edit.target, words.target) if words.target else _changed(edit)
    source = _find(edit.source, words.source) if words.source else _counterparts(edit, target, bool(words.target))
    named = ", ".join([*words.target, *words.source]) or _texts(edit.target, target) or _texts(edit.source, source)
    return BlendPositions(source, target, _find(edit.source, words.keep), _find(edit.target, words.keep), named)


def _find(prompt: Prompt, phrases: Sequence[str]) -> Positions:
    found = {position for phrase in phrases if stands_in(prompt, phrase) for position in prompt.find(phrase)}
    return tuple(sorted(found))


def _changed(edit: Edit) -> Positions:
    """The target's tokens that an edit changes."""
    words = [word for pair in edit.alignment.pairs if pair.change in ("replaced", "added") for word in pair.target]
    changed = {position for word in words for position in word.positions}
    for positions, *_ in (*edit.scales, *edit.moves):
        changed.update(positions)
    return tuple(sorted(changed))


def _counterparts(edit: Edit, target: Positions, only_of_target: bool) -> Positions:
    """The source's tokens that the target's stand for; unless words were named, removed words too."""
    chosen = set(target)
    tokens = set()
    for pair in edit.alignment.pairs:
        is_meant = chosen.intersection(position for word in pair.target for position in word.positions)
        if is_meant or (pair.change == "removed" and not only_of_target):
            tokens.update(position for word in pair.source for position in word.positions)
    return tuple(sorted(tokens))


def _texts(prompt: Prompt, positions: Positions) -> str:
    chosen = set(positions)
    return " ".join(word.text for word in prompt.words if chosen.intersection(word.positions))
