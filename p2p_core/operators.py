"""The edit of one step as two operators on the values.

Every edit is linear in the columns of the attention maps, so it can act on V instead (see ``naive`` for the maps):

    A_edit · V_t  =  (A_s · M·diag(a·e) + A_t · diag((1−a)·e)) · V_t
                  =  A_s · (inherit · V_t)  +  A_t · (own · V_t)

M is the mapper of the alignment, a (target tokens,) is 1 where a token inherits at this step, e (target tokens,) the
product of its scales. Operators are made before sampling, one per different state of the windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import einsum

from .edit import Edit


@dataclass(frozen=True, eq=False)
class TokenOperators:
    """What one target row does to its values at one step. At least one of the two operators is there.

    Attributes:
        inherit: (source tokens, target tokens), M·diag(a·e), for the source's map; None where that term vanishes.
        own: (target tokens,), (1−a)·e, for the target's own map; None where that term vanishes.
        inject_self_attention: whether self-attention takes the source's map.
        edits_cross_attention: False where only self-attention is edited (``own`` is then all ones).
    """

    inherit: torch.Tensor | None
    own: torch.Tensor | None
    inject_self_attention: bool
    edits_cross_attention: bool = True

    @property
    def has_two_terms(self) -> bool:
        """Whether cross-attention needs the source's map and the target's own: two attention calls."""
        return self.inherit is not None and self.own is not None

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "TokenOperators":
        """The same operators beside the values they will act on."""
        inherit = None if self.inherit is None else self.inherit.to(device, dtype)
        own = None if self.own is None else self.own.to(device, dtype)
        return TokenOperators(inherit, own, self.inject_self_attention, self.edits_cross_attention)


@dataclass(frozen=True)
class _State:
    """Which windows of an edit are open at a step, in the order of the edit. Equal states have equal operators."""

    cross: bool
    words: tuple[bool, ...]
    scales: tuple[bool, ...]
    self_attention: bool


def token_operators(edit: Edit, progress: float) -> TokenOperators | None:
    """The operators of an edit for a step that starts at this progress (0–1); None where the step is not edited."""
    return _operators_of_state(edit, _state(edit, progress))


def plan(edit: Edit, progress: Sequence[float]) -> tuple[TokenOperators | None, ...]:
    """The operators of every step, given the progress at its start; steps in the same state share one object."""
    states = [_state(edit, value) for value in progress]
    operators = {state: _operators_of_state(edit, state) for state in dict.fromkeys(states)}
    return tuple(operators[state] for state in states)


def _state(edit: Edit, progress: float) -> _State:
    return _State(
        cross=edit.cross_window.contains(progress),
        words=tuple(window.contains(progress) for _, window in edit.word_windows),
        scales=tuple(window.contains(progress) for _, _, window in edit.scales),
        self_attention=edit.self_window is not None and edit.self_window.contains(progress),
    )


def _operators_of_state(edit: Edit, state: _State) -> TokenOperators | None:
    if edit.is_identity:
        return None
    inheriting = _inheriting(edit, state)
    scale = _scale(edit, state)
    inherit = einsum(edit.alignment.mapper, inheriting * scale, "s t, t -> s t")
    own = (1 - inheriting) * scale
    edits_cross_attention = bool(inherit.any()) or not bool((own == 1).all())
    if not edits_cross_attention and not state.self_attention:
        return None
    has_inherit, has_own = bool(inherit.any()), bool(own.any())
    return TokenOperators(
        inherit=inherit if has_inherit else None,
        own=own if has_own or not has_inherit else None,
        inject_self_attention=state.self_attention,
        edits_cross_attention=edits_cross_attention,
    )


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
