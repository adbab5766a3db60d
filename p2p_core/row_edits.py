"""The edits of one step for all rows of a batch, as tensors beside the values: made once, used by every layer.

A batch holds one chunk of rows per condition, a chunk groups ``[source, target 1 … target n]``. Where the sources were
recorded in an earlier run, groups are ``[target 1 … target n]`` and the sources' rows stand after those of the batch,
in the order of the groups: tensors that are read are then (rows + sources, tokens, channels), see ``with_sources``.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from .edit import Grids
from .further_terms import EditedRow, FurtherTerms, Sources, first_term, further_terms
from .operators import TokenOperators
from .row_reads import RowReads, StoredRows, row_reads
from .values import ValueOperator, value_operator

Operators = Sequence[TokenOperators | None]  # one per target; None for one that is not edited now


class Terms(NamedTuple):
    """q, k or v of a layer: (rows, tokens, channels) of the first terms, (terms, tokens, channels) of the further."""

    first: torch.Tensor
    further: torch.Tensor


@dataclass(frozen=True, eq=False)
class RowEdits:
    """What the rows of a batch read in cross-attention.

    Attributes:
        rows: of the batch.
        reads: whose q and k the first term of each row uses; None where all use their own.
        first: the values of the first terms that are not the row's own; None where all are.
        further: all terms but the rows' first; None where no row has one.
        all_reads: ``reads`` and those of the further terms in one.
    """

    rows: int
    reads: RowReads | None
    first: ValueOperator | None
    further: FurtherTerms | None
    all_reads: torch.Tensor | None = None

    def look(self, tensor: torch.Tensor, sources: torch.Tensor | StoredRows | None = None) -> torch.Tensor:
        """q or k of the first terms, or what they are projected from: (rows, tokens, channels)."""
        return self._own(tensor) if self.reads is None else self.reads(tensor, sources)

    def mix(self, values: torch.Tensor) -> torch.Tensor:
        """Values of the first terms, or what they are projected from: (rows, tokens, channels)."""
        return values if self.first is None else values.index_copy(0, self.first.rows, self.first(values))

    def looks(self, tensor: torch.Tensor) -> Terms:
        """q or k of all terms."""
        if self.further is None:
            return Terms(self.look(tensor), tensor[:0])
        if self.all_reads is None:
            return Terms(self._own(tensor), tensor.index_select(0, self.further.reads))
        together = tensor.index_select(0, self.all_reads)
        return Terms(together[: self.rows], together[self.rows :])

    def values(self, values: torch.Tensor) -> Terms:
        """Values of all terms."""
        return Terms(self.mix(values), values[:0] if self.further is None else self.further.values(values))

    def _own(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor if len(tensor) == self.rows else tensor[: self.rows]


class SelfReads(NamedTuple):
    """Whose q, k and v every row uses in self-attention; None where all use their own."""

    q: RowReads | None
    k: RowReads | None
    v: RowReads | None


def row_edits(
    chunks: Sequence[Operators | None],
    rows: int,
    tokens: int,
    device: torch.device,
    dtype: torch.dtype,
    sources: Sources = "rows",
) -> RowEdits:
    """The cross-attention edits of a batch.

    Args:
        chunks: the operators of every chunk; None for one that is not edited.
        rows: of the batch.
        tokens: of its values.
        sources: where the sources are; of recorded maps there are no queries, so that they make terms of their own.

    Raises:
        P2PError: the tokens are no multiple of a prompt's.
    """
    edited = [row for row in _edited_rows(chunks, rows, sources) if row.operator.edits_cross_attention]
    firsts = [first_term(row, sources) for row in edited]
    inheriting = {row.number: row.source for row, first in zip(edited, firsts, strict=True) if first.is_inherited}
    changed = {row.number: first.operator for row, first in zip(edited, firsts, strict=True)}
    reads = row_reads(inheriting, rows, device)
    further = further_terms(edited, tokens, device, dtype, sources)
    return RowEdits(
        rows,
        reads,
        value_operator([*changed], [*changed.values()], tokens, device, dtype),
        further,
        None if reads is None or further is None else torch.cat([reads.rows, further.reads]),
    )


def self_reads(
    chunks: Sequence[Operators | None],
    rows: int,
    grids: Collection[Grids],
    device: torch.device,
    sources: Sources = "rows",
) -> SelfReads:
    """The self-attention edits of a batch at a layer.

    "inject" gives a target the source's map: its q and k, on the target's v (Hertz et al. 2022, section 4). "mutual"
    leaves it its own q, on the source's k and v (Cao et al. 2023, MasaCtrl, section 4.2).

    Args:
        grids: which sets of grids the layer belongs to.
        sources: where the sources are.
    """
    injected: dict[int, int] = {}
    mutual: dict[int, int] = {}
    for row in _edited_rows(chunks, rows, sources):
        edit = row.operator.self_attention
        if edit is not None and edit.grids in grids:
            (injected if edit.mode == "inject" else mutual)[row.number] = row.source
    q, v = row_reads(injected, rows, device), row_reads(mutual, rows, device)
    k = row_reads({**injected, **mutual}, rows, device) if injected and mutual else q if injected else v
    return SelfReads(q, k, v)


def with_sources(tensor: torch.Tensor, sources: torch.Tensor | None) -> torch.Tensor:
    """(rows + sources, tokens, channels); None where the sources are rows of the batch."""
    return tensor if sources is None else torch.cat([tensor, sources])


def _edited_rows(chunks: Sequence[Operators | None], rows: int, sources: Sources) -> Iterator[EditedRow]:
    in_chunk, group = rows // len(chunks), rows  # the next source that is not in the batch
    for chunk, operators in enumerate(chunks):
        if operators is None:
            continue
        size = len(operators) + (sources == "rows")
        for start in range(chunk * in_chunk, (chunk + 1) * in_chunk, size):
            source, first = (start, start + 1) if sources == "rows" else (group, start)
            for target, operator in enumerate(operators):
                if operator is not None:
                    yield EditedRow(first + target, source, operator)
            group += 1
