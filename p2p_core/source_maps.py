"""Recorded maps of a source's words, read in place of its queries.

Where only the maps of some words were recorded, ``A_s · (inherit · V_t)`` is a product with the columns of these words.
Columns of other tokens are not known; edits that read them have to be left out before (see ``operators``).
"""

from dataclasses import dataclass

import torch
from einops import einsum, rearrange, reduce


@dataclass(frozen=True, eq=False)
class SourceMaps:
    """The maps of sources at one layer.

    Attributes:
        maps: (sources, heads, queries, key tokens).
        positions: (key tokens,), which of the source prompt's tokens they are of.
        first_row: the number under which edits know the first source, which is that of the batch's rows.
    """

    maps: torch.Tensor
    positions: torch.Tensor
    first_row: int

    def attended(self, rows: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """``A_s · values``: (terms,) numbers of sources, (terms, tokens, channels) → (terms, queries, channels)."""
        maps = self.maps.index_select(0, rows - self.first_row)
        keys = rearrange(values.index_select(1, self.positions), "t k (h c) -> t h k c", h=maps.shape[1])
        return rearrange(maps.to(values.dtype) @ keys, "t h q c -> t q (h c)")

    def word(self, row: int, columns: torch.Tensor) -> torch.Tensor:
        """The mean map over the heads of some columns, (tokens, 1) → (queries,)."""
        mean = reduce(self.maps[row - self.first_row], "h q k -> q k", "mean")
        return einsum(mean, columns[self.positions, 0].to(mean.dtype), "q k, k -> q")

    def mean(self) -> "SourceMaps":
        """The same with one head, the mean of all."""
        return SourceMaps(reduce(self.maps, "s h q k -> s 1 q k", "mean"), self.positions, self.first_row)
