"""The attention patches of a run. Rows come in chunks (one per condition), chunks in groups of source and targets."""

import torch

from ...p2p_core.attention import first_term, inject_self_attention, own_term
from .run import Run
from .versions import outside_compiled_graph


def self_attention_patch(run: Run):
    """``attn1_patch``: targets take the source's queries and keys on the coarse grids."""

    def patch(hidden, context, value, options):
        if context.shape[0] != hidden.shape[0] or not _is_coarse(run, options):
            return hidden, context, value
        return _edit_chunks(run, inject_self_attention, hidden, context, value, options)

    return outside_compiled_graph(patch)


def cross_attention_patch(run: Run):
    """``attn2_patch``: the first term of every edit, before the projections."""

    def patch(hidden, context, value, options):
        return _edit_chunks(run, first_term, hidden, context, value, options)

    return outside_compiled_graph(patch)


def cross_attention_replacement(run: Run, previous, host_attention):
    """A replaced ``attn2`` for edits of two terms; what was there before (IP-Adapter, say) computes the first one.

    Args:
        previous: the replacement it takes the place of, or None.
        host_attention: the host's kernel, ``f(q, k, v, options)``.
    """
    attend = previous if previous is not None else host_attention

    def replacement(q, k, v, options):
        first = attend(*_edit_chunks(run, first_term, q, k, v, options), options)
        found = run.operators_of_chunks(v, options)
        if not any(found):
            return first
        chunks = zip(*(tensor.chunk(len(found)) for tensor in (first, q, k, v)), found, strict=True)
        return torch.cat([_with_own_term(*chunk, options) for chunk in chunks])

    def _with_own_term(output, q, k, v, operators, options):
        own = own_term(q, k, v, operators) if operators else None
        return output if own is None else own.add_to(output, host_attention(own.q, own.k, own.v, options))

    return outside_compiled_graph(replacement)


def _edit_chunks(run: Run, edit, q, k, v, options):
    """``edit`` on the rows of every chunk that is edited now; a tensor that no edit changes stays the same object."""
    found = run.operators_of_chunks(v, options)
    if not any(found):
        return q, k, v
    before = list(zip(*(tensor.chunk(len(found)) for tensor in (q, k, v)), strict=True))
    after = [
        part if operators is None else edit(*part, operators) for part, operators in zip(before, found, strict=True)
    ]
    return tuple(
        tensor if all(new is old for new, old in zip(edited, parts, strict=True)) else torch.cat(edited)
        for tensor, edited, parts in zip((q, k, v), zip(*after, strict=True), zip(*before, strict=True), strict=True)
    )


def _is_coarse(run: Run, options: dict) -> bool:
    """The paper injects self-attention on grids of at most a quarter of the latent's width and height."""
    height, width = options["original_shape"][-2:]
    grid_height, grid_width = options["activations_shape"][-2:]
    factor = run.coarse_factor
    return grid_height <= -(-height // factor) and grid_width <= -(-width // factor)
