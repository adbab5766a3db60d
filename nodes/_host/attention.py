"""The attention patches of a run. Rows come in chunks (one per condition), chunks in groups of source and targets."""

from collections.abc import Mapping
from typing import Any

from ...p2p_core.attention import edit_self_attention
from ...p2p_core.row_edits import with_sources
from .grids import grid_of, sets_of_grids
from .layer_captures import capture_hidden, capture_maps
from .layer_edits import EditedTexts, cross_edits, needs_projections, self_edits
from .layer_watches import see, see_self
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
        capture_hidden(run, "self", hidden, options)
        reads, sources = self_edits(run, hidden, sets_of_grids(run.coarse_factor, options), options)
        edited = edit_self_attention(hidden, context, value, reads, sources)
        see_self(run, edited[0], edited[1], layers.get((*options["block"], options["block_index"])), options)
        if is_last and edited[0] is edited[1] is edited[2]:
            # As where there are no patches: the host would hold the context through the feed-forward part of the block.
            return hidden, None, None
        return edited

    return outside_compiled_graph(patch)


def recording_patch(run: Run):
    """``attn2_patch``, the first one: records what cross-attention looks with."""

    def patch(hidden, context, value, options):
        capture_hidden(run, "cross", hidden, options)
        return hidden, context, value

    return outside_compiled_graph(patch)


def cross_attention_patch(run: Run, leaves_some: bool):
    """``attn2_patch``: edits of one term, before the projections.

    Args:
        leaves_some: those layers and steps that need the projections are not edited here, but there.
    """

    texts = EditedTexts()

    def patch(hidden, context, value, options):
        if leaves_some and needs_projections(run, options):
            return hidden, context, value
        edits, sources = cross_edits(run, value, options)
        if edits is None:
            return hidden, context, value
        return (edits.look(hidden, sources.hidden), *texts.of(context, value, edits, sources))

    return outside_compiled_graph(patch)


def unchanged_rows_check(run: Run):
    """``attn2_output_patch``, the first one: nobody has multiplied rows on the way, to join them in a later patch."""

    def patch(output, options):
        if run.chunks:
            run.refuse_changed_rows(output, options)
        return output

    return outside_compiled_graph(patch)


def cross_attention_replacement(run: Run, layer, previous, host_attention):
    """A replaced ``attn2`` for edits of several terms, for seeing maps and for recording those of words.

    Where nothing of this is to be done, the edit was made before the projections already. What was there before
    (IP-Adapter, say) computes the first term of every row.

    Args:
        layer: the host's cross-attention, whose projections recorded sources go through.
        previous: the replacement it takes the place of, or None.
        host_attention: the host's kernel, ``f(q, k, v, options)``.
    """
    attend = previous if previous is not None else host_attention

    def project(hidden, text):
        return layer.to_q(hidden), layer.to_k(text)

    def replacement(q, k, v, options):
        if not needs_projections(run, options):
            return attend(q, k, v, options)
        edits, sources = cross_edits(run, v, options)
        see(run, q, k, options, project)
        capture_maps(run, q, k, options)
        if edits is None:
            return attend(q, k, v, options)
        if sources.hidden is not None:
            more_q, more_k = project(sources.hidden.read(), sources.text)
            q, k = with_sources(q, more_q), with_sources(k, more_k)
        queries, keys, values = edits.looks(q), edits.looks(k), edits.values(v)
        first = attend(queries.first, keys.first, values.first, options)
        further = edits.further
        if further is None:
            return first

        def also_attend(q, k, v):
            return host_attention(q, k, v, options)

        results = further.results(also_attend, queries.further, keys.further, values.further, sources.maps)
        own = first if previous is None else first.clone()  # who knows what else another node does with its result
        grid = grid_of(options, q.shape[1])
        return further.add_to(own, results, q, k, grid, options["n_heads"], sources.maps)

    return outside_compiled_graph(replacement)
