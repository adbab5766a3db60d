"""How one target differs from its source, as plain data: which attention is inherited, when, how strongly, where.

Hertz et al. 2022, section 4: *replace* (word swap), *refine* (adding a phrase), *reweight* (fader control). All are
one thing here: the target tokens that inherit their map, windows that say when, scales and placements per token.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace as with_changes
from typing import Literal

import torch

from .alignment import Alignment, align
from .errors import P2PError
from .local_blend import LocalBlend
from .placement import Placement
from .prompt import Prompt
from .windows import Window

Positions = tuple[int, ...]
WordWindows = tuple[tuple[str, Window], ...]
SelfMode = Literal["inject", "mutual"]
Grids = Literal["coarse", "medium", "all"]
WHOLE = Window(0.0, 1.0)
LARGEST_OFFSET, SMALLEST_SCALE, LARGEST_SCALE = 1.0, 0.1, 10.0


@dataclass(frozen=True, eq=False)
class Edit:
    """One target of a source.

    Attributes:
        source, target: the prompts.
        alignment: which source tokens each target token may inherit from.
        inherits: (target tokens,) bool, which of them do: every aligned one (replace), or the kept ones (refine).
        cross_window: when cross-attention is inherited, for tokens without a window of their own.
        self_window: when self-attention is edited; None for never.
        word_windows: (target positions, window) that override ``cross_window``; later entries win.
        scales: (target positions, factor, window) on the columns of the map; where several meet they multiply.
        self_mode: "inject" takes the source's self-attention map (the paper), "mutual" the target's own queries on the
            source's keys and values (Cao et al. 2023, MasaCtrl).
        self_grids: at which grids self-attention is edited; what counts as coarse is the host's business.
        moves: (target positions, placement, window) of the columns' maps; where several meet they add up.
        blend: where the target may differ from the source at all; None for everywhere.
    """

    source: Prompt
    target: Prompt
    alignment: Alignment
    inherits: torch.Tensor
    cross_window: Window
    self_window: Window | None
    word_windows: tuple[tuple[Positions, Window], ...] = ()
    scales: tuple[tuple[Positions, float, Window], ...] = ()
    self_mode: SelfMode = "inject"
    self_grids: Grids = "coarse"
    moves: tuple[tuple[Positions, Placement, Window], ...] = ()
    blend: LocalBlend | None = None

    @property
    def is_identity(self) -> bool:
        """True where no map is changed at any step: attention is that of a target sampled without the edit."""
        if any(factor != 1 for factor in self._joint_scales()):
            return False
        if any(not (placement.is_identity or window.is_empty) for _, placement, window in self.moves):
            return False
        if self.source == self.target:
            return True
        window_of = self.windows_of(self.inherits.nonzero().flatten().tolist())
        return all(window is None or window.is_empty for window in (self.self_window, *window_of.values()))

    def windows_of(self, tokens: Iterable[int]) -> dict[int, Window]:
        """When target tokens inherit, of those that do."""
        found = dict.fromkeys(tokens, self.cross_window)
        for positions, window in self.word_windows:
            found.update(dict.fromkeys(found.keys() & positions, window))
        return found

    def windows_of_source(self, positions: Iterable[int]) -> dict[int, Window]:
        """When target tokens inherit from some tokens of the source, by target token."""
        takes = (self.alignment.mapper[list(positions)] != 0).any(dim=0) & self.inherits
        return self.windows_of(takes.nonzero().flatten().tolist())

    def _joint_scales(self) -> Iterable[float]:
        """The scales of each token in each window, multiplied: 2 and then 0.5 is no scale."""
        joint: dict[tuple[int, Window], float] = {}
        for positions, factor, window in self.scales:
            for position in () if window.is_empty else positions:
                joint[position, window] = joint.get((position, window), 1.0) * factor
        return joint.values()


@dataclass(frozen=True)
class Controller:
    """The edits of one group: a source and its targets, in the order of their rows.

    Raises:
        P2PError: no edit, or one of another source.
    """

    source: Prompt
    edits: tuple[Edit, ...]

    def __post_init__(self) -> None:
        if not self.edits:
            raise P2PError(f'A controller of "{self.source.text}" needs at least one edit.')
        for edit in self.edits:
            if edit.source != self.source:
                raise P2PError(
                    f'The edits have different source prompts: "{self.source.text}" and "{edit.source.text}". '
                    "Connect the same source to all of them."
                )


def replace(
    source: Prompt,
    target: Prompt,
    cross_window: Window,
    self_window: Window | None,
    word_windows: WordWindows = (),
    self_mode: SelfMode = "inject",
    self_grids: Grids = "coarse",
) -> Edit:
    """Word swap: kept words inherit their attention, and a replaced word that of the word it took the place of.

    Args:
        source, target: any two prompts of one text encoder; added words keep their own attention.
        cross_window: when cross-attention is inherited.
        self_window: when self-attention is edited, None for never.
        word_windows: (word or phrase of the target, window) in place of ``cross_window``; later entries win.
        self_mode, self_grids: how and at which grids self-attention is edited, see ``Edit``.

    Raises:
        P2PError: a word that the target does not have, or prompts that cannot be aligned.
    """
    alignment = align(source, target)
    windows = _windows_of_positions(target, word_windows)
    return Edit(
        source, target, alignment, alignment.inherited, cross_window, self_window, windows,
        self_mode=self_mode, self_grids=self_grids,
    )  # fmt: skip


def refine(
    source: Prompt,
    target: Prompt,
    cross_window: Window,
    self_window: Window | None,
    word_windows: WordWindows = (),
    self_mode: SelfMode = "inject",
    self_grids: Grids = "coarse",
) -> Edit:
    """Prompt refinement: kept words inherit their attention, new and changed words have their own. See ``replace``."""
    edit = replace(source, target, cross_window, self_window, word_windows, self_mode, self_grids)
    return with_changes(edit, inherits=edit.alignment.carried)


def reweight(edit: Edit, phrase: str, scale: float, window: Window = WHOLE) -> Edit:
    """The edit with the attention to a word or phrase of the target multiplied by a factor, which may be negative.

    The map is not renormalised (as in the paper). To reproduce the published ``AttentionReweight``, which scales only
    while attention is inherited, give the cross window as the window.

    Raises:
        P2PError: the target does not have the phrase, or the factor is not a finite number.
    """
    if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not math.isfinite(scale):
        raise P2PError(f'The scale of "{phrase}" is {scale!r}: give a number such as 2, 0.5 or -1.')
    return with_changes(edit, scales=(*edit.scales, (edit.target.find(phrase), float(scale), window)))


def move(edit: Edit, phrase: str, placement: Placement, window: Window = WHOLE) -> Edit:
    """The edit with the attention to a word or phrase of the target put elsewhere in the picture, or resized.

    Raises:
        P2PError: the target does not have the phrase, or the placement is out of range.
    """
    for axis, offset in (("offset_x", placement.offset_x), ("offset_y", placement.offset_y)):
        if not -LARGEST_OFFSET <= offset <= LARGEST_OFFSET:
            raise P2PError(f'The {axis} of "{phrase}" is {offset}: give a fraction of the picture from -1 to 1.')
    if not SMALLEST_SCALE <= placement.scale <= LARGEST_SCALE:
        raise P2PError(
            f'The size of "{phrase}" is scaled by {placement.scale}: use {SMALLEST_SCALE:g} to {LARGEST_SCALE:g}.'
        )
    return with_changes(edit, moves=(*edit.moves, (edit.target.find(phrase), placement, window)))


def combine(first: Controller, second: Controller) -> Controller:
    """One controller with the targets of both, first those of ``first``.

    Raises:
        P2PError: the two have different sources.
    """
    return Controller(first.source, first.edits + second.edits)


def _windows_of_positions(target: Prompt, word_windows: WordWindows) -> tuple[tuple[Positions, Window], ...]:
    return tuple((target.find(phrase), window) for phrase, window in word_windows)
