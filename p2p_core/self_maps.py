"""Which places of the picture look at each other: self-attention maps averaged over heads, layers and steps."""

from collections.abc import Hashable

import torch
from einops import rearrange

from .placement import Grid


def mean_self_map(q: torch.Tensor, k: torch.Tensor, heads: int) -> torch.Tensor:
    """(rows, places, channels) twice → (rows, places, places), the mean of the heads' maps, in fp32.

    One head after the other: only one map of a layer exists beside the sum.
    """
    queries, keys = (rearrange(tensor, "r t (h c) -> h r t c", h=heads) for tensor in (q, k))
    total = q.new_zeros((q.shape[0], q.shape[1], k.shape[1]), dtype=torch.float32)
    for head_queries, head_keys in zip(queries, keys, strict=True):
        scores = head_queries.float() @ head_keys.float().transpose(1, 2) / queries.shape[-1] ** 0.5
        total += scores.softmax(dim=-1)
    return total / heads


class SelfMapSums:
    """The sum of self-attention maps of one grid over layers and steps; a layer counts once per step."""

    def __init__(self) -> None:
        self._seen: set[Hashable] = set()
        self._total: torch.Tensor | None = None
        self._grid: Grid = (0, 0)

    def wants(self, step: int, site: Hashable) -> bool:
        return (step, site) not in self._seen

    def add(self, step: int, site: Hashable, maps: torch.Tensor, grid: Grid) -> None:
        """Add the maps of one layer, (rows, height·width, height·width) on ``grid``."""
        self._seen.add((step, site))
        self._grid = grid
        self._total = maps if self._total is None else self._total + maps

    def mean(self) -> torch.Tensor | None:
        """(rows, height, width, height, width); None where nothing was seen."""
        if self._total is None:
            return None
        height, width = self._grid
        mean = self._total / len(self._seen)
        return rearrange(mean, "r (h w) (kh kw) -> r h w kh kw", h=height, w=width, kh=height, kw=width)
