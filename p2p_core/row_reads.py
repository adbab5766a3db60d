"""Whose tensors the rows of a batch read: their own, those of another row, or those of a source recorded before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch


class StoredRows(Protocol):
    """The rows of sources that are not in the batch, kept in another form than the one they are read in."""

    def __len__(self) -> int:
        """How many they are."""
        ...

    def read(self) -> torch.Tensor:
        """(sources, tokens, channels)."""
        ...

    def read_into(self, rows: torch.Tensor) -> None:
        """The same, written to as many rows."""
        ...


@dataclass(frozen=True, eq=False)
class RowReads:
    """Which row of a batch every row reads. Recorded sources count as the rows after the batch.

    Attributes:
        rows: (rows,), whose each reads.
        readers: (readers,), the rows that read another, where all of these read recorded sources; else None.
        read: (readers,), the numbers of these sources; None where they are the first ones in their order.
        stretch: these rows, where they are neighbours and read the first sources in their order; else None.
    """

    rows: torch.Tensor
    readers: torch.Tensor | None = None
    read: torch.Tensor | None = None
    stretch: slice | None = None

    def __call__(self, tensor: torch.Tensor, sources: torch.Tensor | StoredRows | None = None) -> torch.Tensor:
        """(rows, tokens, channels), and the same of the sources → (rows, tokens, channels)."""
        if sources is None:
            return tensor.index_select(0, self.rows)
        if isinstance(sources, torch.Tensor):
            return self._with(tensor, sources)
        if self.stretch is None or self.stretch.stop - self.stretch.start != len(sources):
            return self._with(tensor, sources.read())
        return self._around(tensor, sources, self.stretch)

    def _with(self, tensor: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
        if self.readers is None:
            return torch.cat([tensor, sources]).index_select(0, self.rows)
        read = sources[: len(self.readers)] if self.read is None else sources.index_select(0, self.read)
        return tensor.index_copy(0, self.readers, read)

    @staticmethod
    def _around(tensor: torch.Tensor, sources: StoredRows, stretch: slice) -> torch.Tensor:
        """Every row is written once: of a record, copies are all the work there is beside the host's own."""
        whole = torch.empty_like(tensor)
        for own in (slice(0, stretch.start), slice(stretch.stop, len(tensor))):
            if own.start < own.stop:
                whole[own].copy_(tensor[own])
        sources.read_into(whole[stretch])
        return whole


def row_reads(others: Mapping[int, int], rows: int, device: torch.device) -> RowReads | None:
    """The rows that read another, and which; all others read their own. None where all do.

    Args:
        rows: of the batch.
    """
    if not others:
        return None
    reads = torch.tensor([others.get(row, row) for row in range(rows)], device=device)
    if any(source < rows for source in others.values()):
        return RowReads(reads)
    numbers = [source - rows for source in others.values()]
    in_order = numbers == list(range(len(numbers)))
    first = next(iter(others))
    are_neighbours = [*others] == list(range(first, first + len(others)))
    return RowReads(
        reads,
        torch.tensor([*others], device=device),
        None if in_order else torch.tensor(numbers, device=device),
        slice(first, first + len(others)) if in_order and are_neighbours else None,
    )
