"""The attention patches of a run. Rows come in chunks (one per condition), chunks in groups of source and targets."""

from collections.abc import Mapping
from typing import Any

from ...p2p_core.attention import edit_self_attention
from .grids import grid_of, sets_of_grids
from .run import Run
from .versions import outside_compiled_graph


def self_attention_patch(run: Run, layers: Mapping[tuple, Any], is_last: bool):
    """``attn1_patch``: targets look at their source on the grids their edit names.

    Args:
        layers: the self-attention of every site, whose projections are needed to record it.
        is_last: nobody else's patch comes after it.
    """

    def patch(hidden, context, value, options):
        if context.shape[0] != hidden.shape[0]:
            return hidden, context, value
        reads = run.self_reads(hidden, sets_of_grids(run.coarse_factor, options), options)
        edited = edit_self_attention(hidden, context, value, reads)
        run.see_self(edited[0], edited[1], layers.get((*options["block"], options["block_index"])), options)
        if is_last and edited[0] is edited[1] is edited[2]:
            # As where there are no patches: the host would hold the context through the feed-forward part of the block.
            return hidden, None, None
        return edited

    return outside_compiled_graph(patch)


def cross_attention_patch(run: Run):
    """``attn2_patch``: the first term of every edit, before the projections."""

    def patch(hidden, context, value, options):
        edits = run.row_edits(value, options)
        if edits is None:
            return hidden, context, value
        return (edits.look(hidden), *run.edited_texts(context, value, edits))

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
        edits = run.row_edits(v, options)
        run.see(q, k, options)
        if edits is None:
            return attend(q, k, v, options)
        queries, keys, values = edits.looks(q), edits.looks(k), edits.values(v)
        first = attend(queries.first, keys.first, values.first, options)
        if edits.further is None:
            return first
        results = host_attention(queries.further, keys.further, values.further, options)
        own = first if previous is None else first.clone()  # who knows what else another node does with its result
        return edits.further.add_to(own, results, q, k, grid_of(options, q.shape[1]), options["n_heads"])

    return outside_compiled_graph(replacement)
