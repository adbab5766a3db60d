"""How one target differs from its source, as plain data: which attention is inherited, when, how strongly.

Hertz et al. 2022, section 4: *replace* (word swap), *refine* (adding a phrase), *reweight* (fader control). All are
one thing here: the target tokens that inherit their map, windows that say when, and scales per token.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace as with_changes

import torch

from .alignment import Alignment, align
from .errors import P2PError
from .prompt import Prompt
from .windows import Window

Positions = tuple[int, ...]
WordWindows = tuple[tuple[str, Window], ...]


@dataclass(frozen=True, eq=False)
class Edit:
    """One target of a source.

    Attributes:
        source, target: the prompts.
        alignment: which source tokens each target token may inherit from.
        inherits: (target tokens,) bool, which of them do: every aligned one (replace), or the kept ones (refine).
        cross_window: when cross-attention is inherited, for tokens without a window of their own.
        self_window: when self-attention is injected; None for never.
        word_windows: (target positions, window) that override ``cross_window``; later entries win.
        scales: (target positions, factor, window) on the columns of the map; where several meet they multiply.
    """

    source: Prompt
    target: Prompt
    alignment: Alignment
    inherits: torch.Tensor
    cross_window: Window
    self_window: Window | None
    word_windows: tuple[tuple[Positions, Window], ...] = ()
    scales: tuple[tuple[Positions, float, Window], ...] = ()

    @property
    def is_identity(self) -> bool:
        """True where the edit changes nothing at any step: a target sampled with it equals one sampled without."""
        if any(factor != 1 for factor in self._joint_scales()):
            return False
        if self.source == self.target:
            return True
        window_of = dict.fromkeys(self.inherits.nonzero().flatten().tolist(), self.cross_window)
        for positions, window in self.word_windows:
            window_of.update(dict.fromkeys(window_of.keys() & positions, window))
        return all(window is None or window.is_empty for window in (self.self_window, *window_of.values()))

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
) -> Edit:
    """Word swap: kept words inherit their attention, and a replaced word that of the word it took the place of.

    Args:
        source, target: any two prompts of one text encoder; added words keep their own attention.
        cross_window: when cross-attention is inherited.
        self_window: when self-attention is injected, None for never.
        word_windows: (word or phrase of the target, window) in place of ``cross_window``; later entries win.

    Raises:
        P2PError: a word that the target does not have, or prompts that cannot be aligned.
    """
    alignment = align(source, target)
    windows = _windows_of_positions(target, word_windows)
    return Edit(source, target, alignment, alignment.inherited, cross_window, self_window, windows)


def refine(
    source: Prompt,
    target: Prompt,
    cross_window: Window,
    self_window: Window | None,
    word_windows: WordWindows = (),
) -> Edit:
    """Prompt refinement: kept words inherit their attention, new and changed words have their own. See ``replace``."""
    alignment = align(source, target)
    windows = _windows_of_positions(target, word_windows)
    return Edit(source, target, alignment, alignment.carried, cross_window, self_window, windows)


def reweight(edit: Edit, phrase: str, scale: float, window: Window = Window(0.0, 1.0)) -> Edit:  # noqa: B008, immutable
    """The edit with the attention to a word or phrase of the target multiplied by a factor, which may be negative.

    The map is not renormalised (as in the paper). To reproduce the published ``AttentionReweight``, which scales only
    while attention is inherited, give the cross window as the window.

    Raises:
        P2PError: the target does not have the phrase, or the factor is not a finite number.
    """
    if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not math.isfinite(scale):
        raise P2PError(f'The scale of "{phrase}" is {scale!r}: give a number such as 2, 0.5 or -1.')
    return with_changes(edit, scales=(*edit.scales, (edit.target.find(phrase), float(scale), window)))


def combine(first: Controller, second: Controller) -> Controller:
    """One controller with the targets of both, first those of ``first``.

    Raises:
        P2PError: the two have different sources.
    """
    return Controller(first.source, first.edits + second.edits)


def _windows_of_positions(target: Prompt, word_windows: WordWindows) -> tuple[tuple[Positions, Window], ...]:
    return tuple((target.find(phrase), window) for phrase, window in word_windows)
