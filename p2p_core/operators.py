"""The edit of one step as two operators on the values.

Every edit is linear in the columns of the attention maps, so it can act on V instead (see ``naive`` for the maps):

    A_edit · V_t  =  (A_s · M·diag(a·e) + A_t · diag((1−a)·e)) · V_t
                  =  A_s · (inherit · V_t)  +  A_t · (own · V_t)

M is the mapper of the alignment, a (target tokens,) is 1 where a token inherits at this step, e (target tokens,) the
product of its scales. Tokens that are moved have a pair of such terms of their own, whose result is put elsewhere.
Operators are made before sampling, one per different state of the windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import einsum

from .drawn_maps import PlacedMask
from .edit import Edit, Grids, SelfMode
from .placement import Placement


class SelfEdit(NamedTuple):
    """How self-attention is edited at one step, and at which grids."""

    mode: SelfMode
    grids: Grids


@dataclass(frozen=True, eq=False)
class MovedTokens:
    """The terms of the tokens that one placement moves. At least one of ``inherit`` and ``own`` is there.

    Attributes:
        placement: where their attention goes.
        inherit, own: as in ``TokenOperators``, zero for all other tokens.
        inherited_word: (source tokens,), the columns of the source's map that make up the word; None where none do.
        own_word: (target tokens,), the same of the target's own map. Both are without scales: they say where it is.
    """

    placement: Placement
    inherit: torch.Tensor | None
    own: torch.Tensor | None
    inherited_word: torch.Tensor | None
    own_word: torch.Tensor | None


class DrawnTokens(NamedTuple):
    """A drawn mask in place of the source's map, and how strongly the tokens take it: (target tokens,)."""

    mask: PlacedMask
    weights: torch.Tensor


@dataclass(frozen=True, eq=False)
class TokenOperators:
    """What one target row does to its values at one step. ``inherit``, ``own`` or both are there.

    Attributes:
        inherit: (source tokens, target tokens), M·diag(a·e), for the source's map; None where that term vanishes.
        own: (target tokens,), (1−a)·e, for the target's own map; None where that term vanishes.
        self_attention: how self-attention is edited; None where it is not.
        edits_cross_attention: False where only self-attention is edited (``own`` is then all ones).
        moved: the terms of tokens that are not where they were; they are zero in ``inherit`` and ``own``.
        drawn: the terms of masks in place of the source's map.
    """

    inherit: torch.Tensor | None
    own: torch.Tensor | None
    self_attention: SelfEdit | None
    edits_cross_attention: bool = True
    moved: tuple[MovedTokens, ...] = ()
    drawn: tuple[DrawnTokens, ...] = ()

    @property
    def has_further_terms(self) -> bool:
        """Whether cross-attention needs more than one call: the source's map and the target's own, or moves."""
        return bool(self.moved or self.drawn) or (self.inherit is not None and self.own is not None)

    @property
    def reads_source(self) -> bool:
        """Whether cross-attention looks at the source's map, or at a mask in its place."""
        return bool(self.drawn) or self.inherit is not None or any(moved.inherit is not None for moved in self.moved)


@dataclass(frozen=True)
class _State:
    """Which windows of an edit are open at a step, in the order of the edit. Equal states have equal operators."""

    cross: bool
    words: tuple[bool, ...]
    scales: tuple[bool, ...]
    moves: tuple[bool, ...]
    self_attention: bool


def token_operators(edit: Edit, progress: float) -> TokenOperators | None:
    """The operators of an edit for a step that starts at this progress (0–1); None where the step is not edited."""
    return plan(edit, [progress])[0]


def plan(edit: Edit, progress: Sequence[float], rows_are_equal: bool = True) -> tuple[TokenOperators | None, ...]:
    """The operators of every step, given the progress at its start; steps in the same state share one object.

    Args:
        rows_are_equal: whether a target with the very prompt of its source has its source's latents too, so that an
            identity has nothing to do. Not so where another prompt of the same rows is edited.
    """
    if rows_are_equal and edit.is_identity:
        return (None,) * len(progress)
    states = [_state(edit, value) for value in progress]
    operators = {state: _operators_of_state(edit, state) for state in dict.fromkeys(states)}
    return tuple(operators[state] for state in states)


def _state(edit: Edit, progress: float) -> _State:
    return _State(
        cross=edit.cross_window.contains(progress),
        words=tuple(window.contains(progress) for _, window in edit.word_windows),
        scales=tuple(window.contains(progress) for _, _, window in edit.scales),
        moves=tuple(window.contains(progress) for _, _, window in edit.moves),
        self_attention=edit.self_window is not None and edit.self_window.contains(progress),
    )


def _operators_of_state(edit: Edit, state: _State) -> TokenOperators | None:
    inheriting, scale = _inheriting(edit, state), _scale(edit, state)
    placed = _tokens_by_placement(edit, state)
    staying = 1 - sum(placed.values(), torch.zeros_like(scale))
    inherit, own = _terms(edit, inheriting, scale * staying)
    edits_cross_attention = bool(placed) or inherit is not None or own is None or not bool((own == 1).all())
    if not edits_cross_attention and not state.self_attention:
        return None
    return TokenOperators(
        inherit=inherit,
        own=own if inherit is not None or own is not None else torch.zeros_like(scale),
        self_attention=SelfEdit(edit.self_mode, edit.self_grids) if state.self_attention else None,
        edits_cross_attention=edits_cross_attention,
        moved=tuple(
            MovedTokens(placement, *_terms(edit, inheriting, scale * tokens), *_word(edit, inheriting, tokens))
            for placement, tokens in placed.items()
            if bool((scale * tokens).any())
        ),
    )


def _terms(
    edit: Edit, inheriting: torch.Tensor, scale: torch.Tensor
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """M·diag(a·e) and (1−a)·e; None for one that is zero."""
    return _unless_zero(einsum(edit.alignment.mapper, inheriting * scale, "s t, t -> s t")), _unless_zero(
        (1 - inheriting) * scale
    )


def _word(
    edit: Edit, inheriting: torch.Tensor, tokens: torch.Tensor
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """The columns of the source's and of the target's own map that make up some tokens' attention."""
    inherit, own = _terms(edit, inheriting, tokens)
    return None if inherit is None else inherit.sum(dim=1), own


def _unless_zero(tensor: torch.Tensor) -> torch.Tensor | None:
    return tensor if bool(tensor.any()) else None


def _tokens_by_placement(edit: Edit, state: _State) -> dict[Placement, torch.Tensor]:
    """(target tokens,), 1 for the tokens of every placement that moves anything; moves of one token add up."""
    placement_of: dict[int, Placement] = {}
    for (positions, placement, _), is_open in zip(edit.moves, state.moves, strict=True):
        for position in positions if is_open else ():
            placement_of[position] = placement_of.get(position, Placement()).then(placement)
    tokens: dict[Placement, torch.Tensor] = {}
    for position, placement in placement_of.items():
        if not placement.is_identity:
            tokens.setdefault(placement, torch.zeros(edit.target.token_count))[position] = 1
    return tokens


def _inheriting(edit: Edit, state: _State) -> torch.Tensor:
    """a (target tokens,): 1 where a token inherits its map at this step, else 0."""
    open_windows = torch.full_like(edit.inherits, state.cross)
    for (positions, _), is_open in zip(edit.word_windows, state.words, strict=True):
        open_windows[list(positions)] = is_open
    return (edit.inherits & open_windows).float()


def _scale(edit: Edit, state: _State) -> torch.Tensor:
    """e (target tokens,): the product of the scales that act on a token at this step."""
    scale = torch.ones(edit.target.token_count)
    for (positions, factor, _), is_open in zip(edit.scales, state.scales, strict=True):
        if is_open:
            scale[list(positions)] *= factor
    return scale
