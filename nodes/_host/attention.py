"""The attention patches of a run. Rows come in chunks (one per condition), chunks in groups of source and targets."""

from collections.abc import Mapping
from typing import Any

import torch

from ...p2p_core.attention import edit_self_attention, first_term
from ...p2p_core.further_terms import further_terms
from .grids import grid_of, sets_of_grids
from .run import Run
from .versions import outside_compiled_graph


def self_attention_patch(run: Run, layers: Mapping[tuple, Any]):
    """``attn1_patch``: targets look at their source on the grids their edit names.

    Args:
        layers: the self-attention of every site, whose projections are needed to record it.
    """

    def patch(hidden, context, value, options):
        if context.shape[0] != hidden.shape[0]:
            return hidden, context, value
        grids = sets_of_grids(run.coarse_factor, options)

        def edit(hidden, context, value, operators):
            return edit_self_attention(hidden, context, value, operators, grids)

        edited = _edit_chunks(run, edit, hidden, context, value, options)
        run.see_self(edited[0], edited[1], layers.get((*options["block"], options["block_index"])), options)
        return edited

    return outside_compiled_graph(patch)


def cross_attention_patch(run: Run):
    """``attn2_patch``: the first term of every edit, before the projections."""

    def patch(hidden, context, value, options):
        return _edit_chunks(run, first_term, hidden, context, value, options)

    return outside_compiled_graph(patch)


def unchanged_rows_check(run: Run):
    """``attn2_output_patch``, the first one: nobody has multiplied rows on the way, to join them in a later patch."""

    def patch(output, options):
        if run.chunks:
            run.refuse_changed_rows(output, options)
        return output

    return outside_compiled_graph(patch)


def cross_attention_replacement(run: Run, previous, host_attention):
    """A replaced ``attn2`` for edits of several terms and for seeing maps.

    What was there before (IP-Adapter, say) computes the first term of every row.

    Args:
        previous: the replacement it takes the place of, or None.
        host_attention: the host's kernel, ``f(q, k, v, options)``.
    """
    attend = previous if previous is not None else host_attention

    def replacement(q, k, v, options):
        first = attend(*_edit_chunks(run, first_term, q, k, v, options), options)
        run.see(q, k, options)
        found = run.operators_of_chunks(v, options)
        if not any(found):
            return first
        chunks = zip(*(tensor.chunk(len(found)) for tensor in (first, q, k, v)), found, strict=True)
        return torch.cat([_with_further_terms(*chunk, options) for chunk in chunks])

    def _with_further_terms(output, q, k, v, operators, options):
        if not operators:
            return output
        grid = grid_of(options, q.shape[1])
        terms = further_terms(q, k, v, operators, grid, options["n_heads"])
        return (
            output if terms is None else terms.add_to(output, host_attention(terms.q, terms.k, terms.v, options), grid)
        )

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
