"""What an edit takes from its source and a record of the source does not have, in words for people.

A record keeps what its user asked for and what fits its budget, and an edit can only use that. Where the record has
nothing, a target keeps its own attention, so a gap makes the edit weaker without any sign of it in the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from .adjustment import Adjustment, adjusted_maps
from .edit import Edit
from .placement import Grid
from .prompt import Prompt
from .windows import Window
from .wording import listed

Look = tuple[int, Grid]  # a step and the grid of a layer


class Use(NamedTuple):
    """Attention of one kind that a target takes from its source, and what of that the record has.

    ``has_other``: whether the record has any of this kind at all.
    """

    wanted: frozenset[Look] = frozenset()
    kept: frozenset[Look] = frozenset()
    has_other: bool = False

    @property
    def is_complete(self) -> bool:
        return self.wanted == self.kept


@dataclass(frozen=True)
class TargetUse:
    """What one target takes from a recorded source.

    Attributes:
        asked: the edit as the user made it, before a record of key words left a part of it.
        edit: as it is sampled.
        cross, self_attention: what it takes of either kind.
        late_blend: (progress, progress), where its local blend should begin and where it can; None where that is one.
        keeps: "words" for a record of key words.
    """

    asked: Edit
    edit: Edit
    cross: Use
    self_attention: Use
    late_blend: tuple[float, float | None] | None = None
    keeps: str = "queries"

    @property
    def takes_nothing(self) -> bool:
        """Whether it takes attention from its source, and the record has none of it."""
        wants = bool(self.cross.wanted or self.self_attention.wanted)
        return wants and not (self.cross.kept or self.self_attention.kept)

    @property
    def gaps(self) -> list[str]:
        """What is missing, each with the setting of the edit and the inputs of P2P Record that decide about it."""
        own = self.edit
        found = [f"{part} ({_settings(own, 'cross')}; {inputs} of P2P Record)" for part, inputs in self._cross_gaps()]
        if words := _free_words(self.asked, own):
            found.append(f'no attention for "{words}" to take (words and keep of P2P Record)')
        if self.keeps == "words" and _opens(self.asked.self_window):
            found.append(f"no self-attention ({_settings(self.asked, 'self')}; keep of P2P Record is key words)")
        found += [
            f"{part} ({_settings(own, 'self')}; {inputs} of P2P Record)"
            for part, inputs in _lacking("self-attention", self.self_attention, "self_grids")
        ]
        if self.late_blend is not None:
            start, possible = self.late_blend
            when = "no maps" if possible is None else f"maps from {round(possible, 2):g} on only"
            found.append(f"{when} for the local blend (start {start:g} of P2P Local Blend; start of P2P Record)")
        return found

    def _cross_gaps(self) -> list[tuple[str, str]]:
        return _lacking("cross-attention", self.cross, "cross_grids")


def weaker(uses: Sequence[TargetUse]) -> str:
    """What people are told of the gaps of an edit; "" where there are none."""
    lacking = [use for use in uses if use.gaps]
    if not lacking:
        return ""
    return (
        f"The record has less than {_name(lacking[0], uses)} takes from its source, so that the edit is weaker. It "
        f"has {listed(lacking[0].gaps)}. Record more, or let the edit take less."
    )


def nothing_left(use: TargetUse, uses: Sequence[TargetUse]) -> str:
    """Why an edit cannot be made from a record at all."""
    return (
        f"The record has nothing that {_name(use, uses)} takes from its source, so that nothing would be edited. "
        f"It has {listed(use.gaps)}. Record that too, or change the edit."
    )


def is_taken(prompt: Prompt, edits: Sequence[Edit], one: Adjustment, progress: Sequence[float]) -> bool | None:
    """Whether a target takes the attention of an adjusted word at any step; None where nothing of it is adjusted."""
    if adjusted_maps(prompt, [one]) is None:
        return None
    windows = {window for edit in edits for window in edit.windows_of_source(prompt.find(one.word)).values()}
    return any(window.contains(value) for window in windows for value in progress)


def _name(use: TargetUse, uses: Sequence[TargetUse]) -> str:
    return f'the edit "{use.edit.target.text}"' if len(uses) > 1 else "this edit"


def _lacking(what: str, use: Use, grids_input: str) -> list[tuple[str, str]]:
    """What is missing of one kind, and the inputs of P2P Record that decide about it."""
    if use.is_complete:
        return []
    steps, kept_steps = ({step for step, _ in looks} for looks in (use.wanted, use.kept))
    grids, kept_grids = ({grid for _, grid in looks} for looks in (use.wanted, use.kept))
    if not kept_steps and use.has_other:
        return [(f"{what} in none of {len(steps)} steps", "start, end and budget")]
    if not kept_steps:
        return [(f"no {what}", f"{grids_input} and budget")]
    found = []
    if kept_steps < steps:
        found.append((f"{what} in {len(kept_steps)} of {len(steps)} steps only", "start, end and budget"))
    if kept_grids < grids:
        finest, kept = (_grid_name(max(some, key=lambda grid: grid[0] * grid[1])) for some in (grids, kept_grids))
        found.append((f"{what} at up to {kept} of {finest} places only", f"{grids_input} and budget"))
    return found or [(f"{what} of some layers only", f"{grids_input}, start, end and budget")]


def _grid_name(grid: Grid) -> str:
    """As people say it: width first."""
    return f"{grid[1]}×{grid[0]}"


def _settings(edit: Edit, kind: str) -> str:
    """The inputs of the edit that say when; of one prompt alone there are none, as it is compared with itself."""
    window = edit.cross_window if kind == "cross" else edit.self_window
    start, end = (0.0, 0.0) if window is None else (window.start, window.end)
    if edit.source.text == edit.target.text:
        return f"which the edit takes from {start:g} to {end:g}"
    also = ", word_windows" if kind == "cross" and edit.word_windows else ""
    also = f", self_grids {edit.self_grids}" if kind == "self" else also
    return f"{kind}_start {start:g}, {kind}_end {end:g}{also} of the edit"


def _opens(window: Window | None) -> bool:
    return window is not None and not window.is_empty


def _free_words(asked: Edit, edit: Edit) -> str:
    """The words of the target that would take the source's attention and find their own place instead."""
    lost: torch.Tensor = asked.inherits & ~edit.inherits
    tokens = set(lost.nonzero().flatten().tolist())
    free = {token for token, window in asked.windows_of(tokens).items() if not window.is_empty}
    words = (word.text for word in edit.target.words if not word.is_punctuation and free.intersection(word.positions))
    return ", ".join(dict.fromkeys(words))
