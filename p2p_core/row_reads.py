"""Whose tensors the rows of a batch read: their own, those of another row, or those of a source recorded before."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class RowReads:
    """Which row of a batch every row reads. Recorded sources count as the rows after the batch.

    Attributes:
        rows: (rows,), whose each reads.
        readers: (readers,), the rows that read another, where all of these read recorded sources; else None.
        read: (readers,), the numbers of these sources; None where they are the first ones in their order.
    """

    rows: torch.Tensor
    readers: torch.Tensor | None = None
    read: torch.Tensor | None = None

    def __call__(self, tensor: torch.Tensor, sources: torch.Tensor | None = None) -> torch.Tensor:
        """(rows, tokens, channels), and the same of the sources → (rows, tokens, channels)."""
        if sources is None:
            return tensor.index_select(0, self.rows)
        if self.readers is None:
            return torch.cat([tensor, sources]).index_select(0, self.rows)
        # Only what is read is copied: of a record that is all the work there is beside the host's own.
        read = sources[: len(self.readers)] if self.read is None else sources.index_select(0, self.read)
        return tensor.index_copy(0, self.readers, read)


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
    readers = torch.tensor([*others], device=device)
    numbers = [source - rows for source in others.values()]
    in_order = numbers == list(range(len(numbers)))
    return RowReads(reads, readers, None if in_order else torch.tensor(numbers, device=device))
