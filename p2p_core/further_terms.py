"""What edited rows add to their first attention term: their own map where others were inherited, and what is moved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange, reduce

from .drawn_maps import PlacedMask
from .operators import MovedTokens, TokenOperators
from .placement import Grid, Placement, centre_of, place, places_of
from .source_maps import SourceMaps
from .values import ValueOperator, repeated, value_operator

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
# Where the sources of the targets are: rows of the batch, recorded queries after them, or recorded maps of some words.
Sources = Literal["rows", "queries", "maps"]


class EditedRow(NamedTuple):
    """A row of a batch, the row of its source, and what is done to it."""

    number: int
    source: int
    operator: TokenOperators


class FirstTerm(NamedTuple):
    """The term of a row that takes the place of its attention."""

    operator: torch.Tensor
    is_inherited: bool


_ATTENDED, _OF_MAPS, _DRAWN = range(3)  # how a term is had: by attention, of recorded maps, of a drawn mask


class _Term(NamedTuple):
    """One more term of one row: whose q and k or map, what it does to the row's values, where the result goes."""

    row: EditedRow
    reads: int
    operator: torch.Tensor
    moved: MovedTokens | None = None
    kind: int = _ATTENDED
    mask: PlacedMask | None = None


class _Word(NamedTuple):
    """The columns of a row's map that make up a word: (tokens, 1)."""

    row: int
    columns: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Addition:
    """Results that go to different rows, all with one placement.

    Attributes:
        terms: (results,), which of the terms; None for all in their order.
        rows: (results,), where they are added.
        words: per result, the maps that say where the word is; only of what is resized.
        mask: in place of the map; it has its own placement.
    """

    terms: torch.Tensor | None
    rows: torch.Tensor
    placement: Placement
    words: tuple[tuple[_Word, ...], ...]
    mask: PlacedMask | None = None
    _places: dict[Grid, torch.Tensor] = field(default_factory=dict)

    def add_to(
        self, output: torch.Tensor, results: torch.Tensor, q, k, grid: Grid, heads: int, maps: SourceMaps | None
    ) -> None:
        own = results if self.terms is None else results.index_select(0, self.terms)
        if self.mask is not None:
            own = own * self.mask.beside(own, grid)
        elif not self.placement.is_identity:
            own = place(own, self._places_on(grid, q, k, heads, maps))
        output.index_add_(0, self.rows, own)

    def _places_on(
        self, grid: Grid, q: torch.Tensor, k: torch.Tensor, heads: int, maps: SourceMaps | None
    ) -> torch.Tensor:
        def word_map(row: int, columns: torch.Tensor) -> torch.Tensor:
            if maps is not None and row >= maps.first_row:
                return maps.word(row, columns)
            return _word_map(q[row], k[row], columns, heads)

        if self.placement.scale != 1:
            parts = [[word_map(row, columns) for row, columns in words] for words in self.words]
            word = torch.stack([torch.stack(of_row).sum(dim=0) for of_row in parts])
            return places_of(grid, self.placement, centre_of(word, grid))
        if grid not in self._places:
            self._places[grid] = places_of(grid, self.placement, torch.zeros(1, 2, device=q.device))
        return self._places[grid]


@dataclass(frozen=True, eq=False)
class FurtherTerms:
    """All attention terms but the rows' first.

    Attributes:
        reads: (terms,), whose q and k each uses; the other terms are after these.
        values: of the terms, made of the values of the batch.
        additions: where the results go; no row twice in one, so that its sum has one order.
        map_reads: (terms,), whose recorded maps each uses; after these are the terms of drawn masks.
    """

    reads: torch.Tensor
    values: ValueOperator
    additions: tuple[_Addition, ...]
    map_reads: torch.Tensor | None = None

    def results(
        self,
        attend: Attend,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        maps: SourceMaps | None = None,
    ) -> torch.Tensor:
        """(terms, queries, channels): q and k of ``reads``, and ``values`` of all terms."""
        attended = len(self.reads)
        of_maps = attended + (0 if self.map_reads is None else len(self.map_reads))
        if attended == len(values):
            return attend(queries, keys, values)
        parts = [attend(queries, keys, values[:attended])] if attended else []
        if self.map_reads is not None and maps is not None:
            parts.append(maps.attended(self.map_reads, values[attended:of_maps]))
        if of_maps < len(values):  # the mask is the map: its values are the same for all places
            parts.append(values[of_maps:, :1].expand(-1, queries.shape[1], -1))
        return torch.cat(parts)

    def add_to(
        self,
        output: torch.Tensor,
        results: torch.Tensor,
        q: torch.Tensor,
        k: torch.Tensor,
        grid: Grid,
        heads: int,
        maps: SourceMaps | None = None,
    ) -> torch.Tensor:
        """The first terms of all rows, (rows, queries, channels), plus these, (terms, queries, channels), in place.

        Args:
            q, k: of the rows, not edited; the centre of a word that is resized is that of its mean map.
            grid: (height, width) of the queries.
            maps: of sources of which no queries were recorded.
        """
        for addition in self.additions:
            addition.add_to(output, results, q, k, grid, heads, maps)
        return output


def first_term(row: EditedRow, sources: Sources) -> FirstTerm:
    """The term of an edited row that every layer computes with the row's or its source's q and k."""
    operator = row.operator
    if operator.inherit is None:
        assert operator.own is not None
        return FirstTerm(operator.own, False)
    if sources != "maps":
        return FirstTerm(operator.inherit, True)
    own = operator.inherit.new_zeros(operator.inherit.shape[1]) if operator.own is None else operator.own
    return FirstTerm(own, False)


def further_terms(
    edited: Sequence[EditedRow],
    tokens: int,
    device: torch.device,
    dtype: torch.dtype,
    sources: Sources = "rows",
) -> FurtherTerms | None:
    """The terms of these rows beside values of so many tokens; None for none.

    Raises:
        P2PError: the tokens are no multiple of a prompt's.
    """
    terms = [term for row in edited for term in _terms_of_row(row, sources)]
    terms = sorted(terms, key=lambda term: term.kind)
    numbers, operators = [term.row.number for term in terms], [term.operator for term in terms]
    values = value_operator(numbers, operators, tokens, device, dtype)
    if values is None:
        return None
    reads, map_reads = ([term.reads for term in terms if term.kind == kind] for kind in (_ATTENDED, _OF_MAPS))
    return FurtherTerms(
        torch.tensor(reads, device=device, dtype=torch.long),
        values,
        _additions(terms, tokens, device, dtype),
        torch.tensor(map_reads, device=device) if map_reads else None,
    )


def _terms_of_row(row: EditedRow, sources: Sources) -> list[_Term]:
    operator = row.operator
    inherited = _OF_MAPS if sources == "maps" else _ATTENDED
    terms = []
    if operator.inherit is not None and sources == "maps":
        terms.append(_Term(row, row.source, operator.inherit, kind=_OF_MAPS))
    elif operator.inherit is not None and operator.own is not None:
        terms.append(_Term(row, row.number, operator.own))
    for moved in operator.moved:
        if moved.inherit is not None:
            terms.append(_Term(row, row.source, moved.inherit, moved, inherited))
        if moved.own is not None:
            terms.append(_Term(row, row.number, moved.own, moved))
    for drawn in operator.drawn:
        weights = drawn.weights.expand(len(drawn.weights), -1)
        terms.append(_Term(row, row.source, weights, kind=_DRAWN, mask=drawn.mask))
    return terms


def _additions(terms: Sequence[_Term], tokens: int, device: torch.device, dtype: torch.dtype) -> tuple[_Addition, ...]:
    together: dict[tuple[Placement, PlacedMask | None, int], list[int]] = {}
    for number, term in enumerate(terms):
        placement = Placement() if term.moved is None else term.moved.placement
        before = [other for other in terms[:number] if other.row.number == term.row.number]
        together.setdefault((placement, term.mask, len(before)), []).append(number)
    return tuple(
        _Addition(
            None if len(numbers) == len(terms) else torch.tensor(numbers, device=device),
            torch.tensor([terms[number].row.number for number in numbers], device=device),
            placement,
            tuple(_words(terms[number], tokens, device, dtype) for number in numbers) if placement.scale != 1 else (),
            mask,
        )
        for (placement, mask, _), numbers in together.items()
    )


def _words(term: _Term, tokens: int, device: torch.device, dtype: torch.dtype) -> tuple[_Word, ...]:
    """A moved word in the source's and in the row's own map."""
    moved = term.moved
    if moved is None:
        return ()
    parts = ((term.row.source, moved.inherited_word), (term.row.number, moved.own_word))
    return tuple(
        _Word(row, repeated(word, tokens)[:, None].to(device, dtype)) for row, word in parts if word is not None
    )


def _word_map(q: torch.Tensor, k: torch.Tensor, columns: torch.Tensor, heads: int) -> torch.Tensor:
    """``A · columns``, mean over the heads: (queries, channels), (tokens, channels), (tokens, 1) → (queries,)."""
    queries, keys = (rearrange(tensor, "t (h c) -> h t c", h=heads) for tensor in (q, k))
    shared = columns.expand(heads, -1, -1)
    return reduce(F.scaled_dot_product_attention(queries, keys, shared), "h q 1 -> q", "mean")
