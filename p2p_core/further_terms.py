"""What edited rows add to their first attention term: their own map where others were inherited, and what is moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange, reduce, repeat

from .operators import MovedTokens, TokenOperators
from .placement import Grid, Placement, centre_of, place
from .values import inherited, scaled


class _Term(NamedTuple):
    """One more attention call of one row: whose q and k, on which values, and where the result goes."""

    row: int
    reads: int
    values: torch.Tensor
    moved: MovedTokens | None


@dataclass(frozen=True, eq=False)
class FurtherTerms:
    """Inputs of the attention call that gives all terms but the rows' first, and where its results are to be added.

    Attributes:
        rows: numbers of the batch's rows; a row may have several terms.
        q, k, v: (len(rows), tokens, channels), after the projections.
        placements: where the results are put; None for where they are.
        centres: per term (1, 2), what a resize is about; None where nothing is resized.
    """

    rows: list[int]
    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    placements: list[Placement | None]
    centres: list[torch.Tensor | None]

    def add_to(self, output: torch.Tensor, terms: torch.Tensor, grid: Grid) -> torch.Tensor:
        """The first terms of all rows, (all rows, queries, channels), plus these, (len(rows), queries, channels).

        Row by row: an index of several rows would be copied to the device, and the host would wait for it.
        """
        sums = list(output)
        added = zip(self.rows, terms, self.placements, self.centres, strict=True)
        for number, term, placement, centre in added:
            placed = term if placement is None else place(term[None], grid, placement, centre)[0]
            sums[number] = sums[number] + placed
        return torch.stack(sums)


def further_terms(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    operators: Sequence[TokenOperators | None],
    grid: Grid,
    heads: int,
) -> FurtherTerms | None:
    """What targets add to their first term: their own map beside an inherited one, and what is moved; None for nothing.

    Args:
        q, k, v: (rows, tokens, channels), after the projections, not edited.
        grid: (height, width) of the queries.
        heads: of the attention; the centre of a word is that of its mean map.
    """
    group_rows = 1 + len(operators)
    of_row = [None, *operators] * (q.shape[0] // group_rows)
    terms = [
        term
        for row, operator in enumerate(of_row)
        if operator is not None
        for term in _terms_of_row(row, row - row % group_rows, operator, v)
    ]
    if not terms:
        return None
    return FurtherTerms(
        [term.row for term in terms],
        torch.stack([q[term.reads] for term in terms]),
        torch.stack([k[term.reads] for term in terms]),
        torch.stack([term.values for term in terms]),
        [term.moved and term.moved.placement for term in terms],
        [_centre(term, term.reads - term.reads % group_rows, q, k, grid, heads) for term in terms],
    )


def _terms_of_row(row: int, source: int, operator: TokenOperators, v: torch.Tensor) -> list[_Term]:
    values = v[row : row + 1]
    terms = []
    if operator.inherit is not None and operator.own is not None:
        terms.append(_Term(row, row, scaled(operator.own, values)[0], None))
    for moved in operator.moved:
        if moved.inherit is not None:
            terms.append(_Term(row, source, inherited(moved.inherit, values)[0], moved))
        if moved.own is not None:
            terms.append(_Term(row, row, scaled(moved.own, values)[0], moved))
    return terms


def _centre(term: _Term, source: int, q: torch.Tensor, k: torch.Tensor, grid: Grid, heads: int) -> torch.Tensor | None:
    """(1, 2): the centre of the word a term moves, over the source's and its own map; None unless it is resized."""
    moved = term.moved
    if moved is None or moved.placement.scale == 1:
        return None
    parts = [
        _word_map(q[row], k[row], word, heads)
        for row, word in ((source, moved.inherited_word), (term.row, moved.own_word))
        if word is not None
    ]
    return centre_of(sum(parts[1:], parts[0])[None], grid)


def _word_map(q: torch.Tensor, k: torch.Tensor, word: torch.Tensor, heads: int) -> torch.Tensor:
    """``A · word``, mean over the heads: (queries, channels), (tokens, channels), (tokens,) → (queries,)."""
    repeated = repeat(word, "t -> h (copies t) 1", h=heads, copies=k.shape[0] // word.shape[0])
    queries, keys = (rearrange(tensor, "t (h c) -> h t c", h=heads) for tensor in (q, k))
    return reduce(F.scaled_dot_product_attention(queries, keys, repeated), "h q 1 -> q", "mean")
