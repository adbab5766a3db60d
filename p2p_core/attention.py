"""The edit as fused attention calls: rows are swapped and values are mixed, no map is ever made.

The rows of a batch are groups ``[source, target 1 … target n]``; tensors are (groups·(1+n), tokens, channels) with the
attention heads inside the channels. ``operators`` has one entry per target, None for one that is not edited now.

- Before the projections (``attn1_patch``, ``attn2_patch`` of the host): ``edit_self_attention`` and ``first_term``.
  Exact because the projections to q, k and v have no bias, so that mixing tokens commutes with them. For steps in which
  every target needs one term only.
- After the projections (a replaced attn2): ``first_term`` and ``further_terms.further_terms``, for any step, or both in
  ``edited_cross_attention``.

Nothing here waits for the device, and operators must already be on the device of the values, in their dtype.
"""

from collections.abc import Callable, Collection, Sequence

import torch
from einops import rearrange

from .edit import Grids
from .further_terms import further_terms
from .operators import TokenOperators
from .placement import Grid
from .values import inherited, scaled

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
Operators = Sequence[TokenOperators | None]
Rows = list[torch.Tensor]  # one (groups, tokens, channels) per row of the group


def edit_self_attention(
    hidden: torch.Tensor, context: torch.Tensor, value: torch.Tensor, operators: Operators, grids: Collection[Grids]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Self-attention inputs in which targets look at their source.

    Works before the projections (hidden states) and after them (q, k, v), all (rows, tokens, channels). "inject" gives
    a target the source's map: its q and k, on the target's v (Hertz et al. 2022, section 4). "mutual" leaves it its own
    q, on the source's k and v (Cao et al. 2023, MasaCtrl, section 4.2).

    Args:
        grids: which sets of grids this layer belongs to.

    Returns:
        (hidden, context, value); the same objects where no target is edited here.
    """
    edits = [operator.self_attention if operator is not None else None for operator in operators]
    modes = [edit.mode if edit is not None and edit.grids in grids else None for edit in edits]
    return (
        _from_source(hidden, [mode == "inject" for mode in modes]),
        _from_source(context, [mode is not None for mode in modes]),
        _from_source(value, [mode == "mutual" for mode in modes]),
    )


def first_term(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, operators: Operators
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inputs of the attention call that gives every row's first term: inherited where there is one, else its own.

    Where no operator has two terms this is the whole edit. It works before the projections (hidden states, text as
    context, text as value) and after them (q, k, v), all (rows, tokens, channels).

    Returns:
        (q, k, v); the same objects where nothing changes.

    Raises:
        P2PError: the tokens are no multiple of the prompt's.
    """
    if not any(operator is not None and operator.edits_cross_attention for operator in operators):
        return q, k, v
    values = _split(v, operators)
    for row, operator in enumerate(operators, start=1):
        if operator is not None and operator.inherit is not None:
            values[row] = inherited(operator.inherit, values[row])
        elif operator is not None and operator.edits_cross_attention:
            values[row] = scaled(operator.own, values[row])
    inheriting = [operator is not None and operator.inherit is not None for operator in operators]
    return _from_source(q, inheriting), _from_source(k, inheriting), _join(values)


def edited_cross_attention(
    attend: Attend,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    operators: Operators,
    grid: Grid,
    heads: int,
) -> torch.Tensor:
    """Cross-attention of all rows with the edits of this step.

    One call of ``attend`` computes every row's first term. A second call, of only the rows that need it, adds the
    targets' own maps and what is moved.

    Args:
        attend: the host's kernel, ``attend(q, k, v)`` for any number of rows.
        q: (rows, queries, channels).
        k, v: (rows, tokens, channels); tokens may be any multiple of the prompt's, as the host repeats them.
        operators: per target.
        grid: (height, width) of the queries.
        heads: of the attention.

    Returns:
        (rows, queries, channels).

    Raises:
        P2PError: the tokens are no multiple of the prompt's.
    """
    output = attend(*first_term(q, k, v, operators))
    further = further_terms(q, k, v, operators, grid, heads)
    return output if further is None else further.add_to(output, attend(further.q, further.k, further.v), grid)


def _from_source(tensor: torch.Tensor, taking: Sequence[bool]) -> torch.Tensor:
    """The rows in which the chosen targets are copies of their source."""
    if not any(taking):
        return tensor
    rows = _split(tensor, taking)
    return _join([rows[0], *(rows[0] if takes else row for row, takes in zip(rows[1:], taking, strict=True))])


def _split(tensor: torch.Tensor, targets: Sequence[object]) -> Rows:
    """Views of the source's and of each target's rows over all groups."""
    return list(rearrange(tensor, "(g r) t c -> r g t c", r=1 + len(targets)))


def _join(rows: Rows) -> torch.Tensor:
    return rearrange(rows, "r g t c -> (g r) t c")
