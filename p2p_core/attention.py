"""The edit as fused attention calls: rows are swapped and values are mixed, no map is ever made.

Tensors are (rows, tokens, channels) with the attention heads inside the channels, rows those of a whole batch.

- Before the projections (``attn1_patch``, ``attn2_patch`` of the host): ``edit_self_attention``, and ``RowEdits.look``
  and ``RowEdits.mix``. Exact because the projections to q, k and v have no bias, so that mixing tokens commutes with
  them. For steps in which every target needs one term only.
- After the projections (a replaced attn2): ``edited_cross_attention``, for any step.

Nothing here waits for the device: edits are made before, beside the values, and are the same for all layers.
"""

import torch

from .further_terms import Attend
from .placement import Grid
from .row_edits import RowEdits, SelfReads, Terms
from .row_reads import RowReads, StoredRows
from .source_maps import SourceMaps


def edit_self_attention(
    hidden: torch.Tensor,
    context: torch.Tensor,
    value: torch.Tensor,
    reads: SelfReads,
    sources: torch.Tensor | StoredRows | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Self-attention inputs in which targets look at their source, see ``row_edits.self_reads``.

    Works before the projections (hidden states) and after them (q, k, v), all (rows, tokens, channels).

    Args:
        sources: (sources, tokens, channels), hidden states of sources that are not in the batch.

    Returns:
        (hidden, context, value); the same objects where no target is edited here, and one where two were one.
    """

    def taken(tensor: torch.Tensor, rows: RowReads | None) -> torch.Tensor:
        return tensor if rows is None else rows(tensor, sources)

    queries = taken(hidden, reads.q)
    keys = queries if context is hidden and reads.k is reads.q else taken(context, reads.k)
    return queries, keys, keys if value is context and reads.v is reads.k else taken(value, reads.v)


def edited_cross_attention(
    attend: Attend,
    q: torch.Tensor,
    k: torch.Tensor,
    values: Terms,
    edits: RowEdits,
    grid: Grid,
    heads: int,
    maps: SourceMaps | None = None,
) -> torch.Tensor:
    """Cross-attention of all rows with the edits of this step.

    One call of ``attend`` computes every row's first term. A second call, of only the rows that need it, adds the
    targets' own maps and what is moved.

    Args:
        attend: the host's kernel, ``attend(q, k, v)`` for any number of rows, whose result is new memory.
        q: (rows, queries, channels), not edited; then those of sources that are not in the batch.
        k: (rows, tokens, channels), the same.
        values: ``edits.values(v)``.
        grid: (height, width) of the queries.
        heads: of the attention.
        maps: of sources of which no queries were recorded.

    Returns:
        (rows, queries, channels).
    """
    queries, keys = edits.looks(q), edits.looks(k)
    output = attend(queries.first, keys.first, values.first)
    if edits.further is None:
        return output
    results = edits.further.results(attend, queries.further, keys.further, values.further, maps)
    return edits.further.add_to(output, results, q, k, grid, heads, maps)
