"""The edit as fused attention calls: rows are swapped and values are mixed, no map is ever made.

The rows of a batch are groups ``[source, target 1 … target n]``; tensors are (groups·(1+n), tokens, channels) with the
attention heads inside the channels. ``operators`` has one entry per target, None for one that is not edited now.

- Before the projections (``attn1_patch``, ``attn2_patch`` of the host): ``inject_self_attention`` and ``first_term``.
  Exact because the projections to q, k and v have no bias, so that mixing tokens commutes with them. For steps in which
  every target needs one term only.
- After the projections (a replaced attn2): ``first_term`` and ``own_term``, for any step, or both at once in
  ``edited_cross_attention``.

Nothing here waits for the device, and operators must already be on the device of the values, in their dtype.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from einops import einsum, rearrange, repeat

from .errors import P2PError
from .operators import TokenOperators

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
Operators = Sequence[TokenOperators | None]
Rows = list[torch.Tensor]  # one (groups, tokens, channels) per row of the group


def inject_self_attention(
    hidden: torch.Tensor, context: torch.Tensor, value: torch.Tensor, operators: Operators
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Self-attention inputs in which targets take the source's map: q and k of the source, their own v.

    Works before the projections (hidden states) and after them (q, k, v), all (rows, tokens, channels). Hertz et al.
    2022, section 4.

    Returns:
        (hidden, context, value); the same objects where no target injects.
    """
    injecting = [operator is not None and operator.inject_self_attention for operator in operators]
    if not any(injecting):
        return hidden, context, value
    return _from_source(hidden, injecting), _from_source(context, injecting), value


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
            values[row] = apply_to_values(operator.inherit, values[row])
        elif operator is not None and operator.edits_cross_attention:
            values[row] = _apply_own(operator, values[row])
    inheriting = [operator is not None and operator.inherit is not None for operator in operators]
    return _from_source(q, inheriting), _from_source(k, inheriting), _join(values)


@dataclass(frozen=True, eq=False)
class OwnTerm:
    """Inputs of the attention call that gives the second term, and where its result is to be added.

    Attributes:
        rows: numbers of the batch's rows, ascending.
        q, k, v: (len(rows), tokens, channels), after the projections.
    """

    rows: list[int]
    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor

    def add_to(self, output: torch.Tensor, term: torch.Tensor) -> torch.Tensor:
        """The first terms of all rows, (all rows, queries, channels), plus this one's, (len(rows), queries, channels).

        Row by row: an index of several rows would be copied to the device, and the host would wait for it.
        """
        sums = list(output)
        for number, row_term in zip(self.rows, term, strict=True):
            sums[number] = sums[number] + row_term
        return torch.stack(sums)


def own_term(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, operators: Operators) -> OwnTerm | None:
    """What targets with two terms add from their own map: ``A_t · (own · V_t)``; None where no target has two."""
    group_rows = 1 + len(operators)
    of_row = [None, *operators] * (q.shape[0] // group_rows)
    numbers = [number for number, operator in enumerate(of_row) if operator is not None and operator.has_two_terms]
    if not numbers:
        return None
    values = [_apply_own(of_row[number], v[number : number + 1])[0] for number in numbers]
    queries, keys = (torch.stack([tensor[number] for number in numbers]) for tensor in (q, k))
    return OwnTerm(numbers, queries, keys, torch.stack(values))


def edited_cross_attention(
    attend: Attend, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, operators: Operators
) -> torch.Tensor:
    """Cross-attention of all rows with the edits of this step.

    One call of ``attend`` computes every row's first term. A second call, of only the rows that need it, adds the
    targets' own maps.

    Args:
        attend: the host's kernel, ``attend(q, k, v)`` for any number of rows.
        q: (rows, queries, channels).
        k, v: (rows, tokens, channels); tokens may be any multiple of the prompt's, as the host repeats them.
        operators: per target.

    Returns:
        (rows, queries, channels).

    Raises:
        P2PError: the tokens are no multiple of the prompt's.
    """
    output = attend(*first_term(q, k, v, operators))
    own = own_term(q, k, v, operators)
    return output if own is None else own.add_to(output, attend(own.q, own.k, own.v))


def apply_to_values(matrix: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """``inherit · V``: the values that a source's map reads in place of its own tokens'.

    The host may repeat the tokens of a prompt r times so that all rows have as many. Repeated keys share the attention
    of one, so the operator acts on the first copy and its result is repeated: exact.

    Args:
        matrix: (source tokens, target tokens).
        values: (groups, tokens, channels), tokens a multiple of both prompts'.

    Returns:
        (groups, tokens, channels).
    """
    source_tokens, target_tokens = matrix.shape
    first_copy = rearrange(values, "g (copies t) c -> copies g t c", copies=_copies(values, target_tokens))[0]
    mixed = einsum(matrix, first_copy, "s t, g t c -> g s c")
    return repeat(mixed, "g s c -> g (copies s) c", copies=_copies(values, source_tokens))


def _apply_own(operator: TokenOperators | None, values: torch.Tensor) -> torch.Tensor:
    """``diag(own) · V``, (groups, tokens, channels)."""
    if operator is None or operator.own is None:
        return values
    return values * repeat(operator.own, "t -> (copies t) 1", copies=_copies(values, operator.own.shape[0]))


def _copies(values: torch.Tensor, prompt_tokens: int) -> int:
    """How often the host repeated the tokens of a prompt."""
    tokens = values.shape[1]
    if tokens % prompt_tokens:
        raise P2PError(
            f"The conditioning has {tokens} tokens, which is no multiple of the {prompt_tokens} of its prompt. A node "
            "between the text encoder and the sampler changed their number: connect the conditioning directly."
        )
    return tokens // prompt_tokens


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
