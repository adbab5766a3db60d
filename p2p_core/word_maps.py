"""Seeing what words look at without making a map: the attention to some tokens is attention with them as values.

``SDPA(q, k, W)`` with W (tokens × words) 1 where a token belongs to a word is the map of those words, summed over their
tokens. Edited maps come the same way: W goes through the same operators as V (see ``operators``).
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import torch
import torch.nn.functional as F
from einops import rearrange, reduce

from .attention import edited_cross_attention
from .further_terms import Attend
from .placement import Grid
from .row_edits import RowEdits, Terms
from .source_maps import SourceMaps

Positions = tuple[int, ...]
_ALIGNMENT = 8  # channels; kernels want values of aligned width


def indicator(words_of_row: Sequence[Sequence[Positions]], tokens_of_row: Sequence[int], tokens: int) -> torch.Tensor:
    """W of every row of a group: (rows, tokens, words), words filled up to one aligned width with zeros.

    Args:
        words_of_row: per row, the token positions of every word.
        tokens_of_row: per row, the tokens of its prompt.
        tokens: those of the conditioning, a multiple of each; the copies of a token share its attention.
    """
    words = max(map(len, words_of_row), default=0)
    width = -(-max(words, 1) // _ALIGNMENT) * _ALIGNMENT
    rows = map(word_columns, words_of_row, tokens_of_row)
    return torch.stack([F.pad(row, (0, width - row.shape[1])).repeat(tokens // len(row), 1) for row in rows])


def word_columns(words: Sequence[Positions], tokens: int) -> torch.Tensor:
    """(tokens, words), 1 where a token belongs to a word."""
    columns = torch.zeros(tokens, len(words))
    for word, positions in enumerate(words):
        columns[list(positions), word] = 1
    return columns


def word_maps(
    q: torch.Tensor,
    k: torch.Tensor,
    values: Terms,
    edits: RowEdits,
    heads: int,
    grid: Grid,
    maps: SourceMaps | None = None,
) -> torch.Tensor:
    """The maps of the words after the edits of this step, mean over the heads.

    Args:
        q: (rows, queries, channels), after the projections, not edited; then those of sources that are not in the
            batch.
        k: (rows, tokens, channels), the same.
        values: ``edits.values`` of W, one (tokens, words) per row, in the dtype of q; see ``indicator``.
        edits: of these rows.
        grid: (height, width) of the queries.
        maps: of sources of which no queries were recorded.

    Returns:
        (rows, queries, words).
    """
    shared = None if maps is None else maps.mean()
    return edited_cross_attention(mean_over_heads(heads), q, k, values, edits, grid, heads, shared)


def mean_over_heads(heads: int) -> Attend:
    """Attention of values that all heads share: (rows, tokens, words) → (rows, queries, words)."""

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        queries, keys = (rearrange(tensor, "r t (h c) -> r h t c", h=heads) for tensor in (q, k))
        shared = v[:, None].expand(-1, heads, -1, -1)
        return reduce(F.scaled_dot_product_attention(queries, keys, shared), "r h q w -> r q w", "mean")

    return attend


class MapSums:
    """The sum of word maps over layers and steps, at one grid, on the device of the maps.

    Sites are counted once per step: samplers that call the model twice, and conditions that are run for several areas
    or guidance passes, must not count double.
    """

    def __init__(self, keep_steps: bool = False) -> None:
        self._keep_steps = keep_steps
        self._seen: set[Hashable] = set()
        self._size: Grid = (0, 0)
        # Per step, each grid apart: resizing is linear, so it is enough to resize the sums.
        self._sums: dict[int, dict[Grid, torch.Tensor]] = {}
        self._counts: dict[int, Counter[Grid]] = {}

    def wants(self, step: int, site: Hashable) -> bool:
        return (step, site) not in self._seen

    def add(self, step: int, site: Hashable, maps: torch.Tensor, grid: Grid, size: Grid) -> None:
        """Add the maps of one site, (rows, height·width, words) on ``grid``, at ``size``."""
        self._seen.add((step, site))
        self._size = size
        place = step if self._keep_steps else 0
        sums = self._sums.setdefault(place, {})
        if grid in sums:
            sums[grid] += maps
        else:
            sums[grid] = maps.to(torch.float32, copy=True)
        self._counts.setdefault(place, Counter())[grid] += 1

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps that are kept apart, ascending; (0,) where all are one."""
        return tuple(sorted(self._sums))

    def mean(self) -> torch.Tensor | None:
        """(steps, rows, words, height, width): the mean over layers, and over steps unless they are kept apart."""
        if not self._sums:
            return None
        return torch.stack([self._sum(step) / self._counts[step].total() for step in self.steps])

    def at(self, step: int) -> torch.Tensor | None:
        """(rows, words, height, width): the mean over the layers of one of the steps that are kept apart."""
        return self._sum(step) / self._counts[step].total() if step in self._sums else None

    def take(self, step: int) -> dict[Grid, torch.Tensor]:
        """By grid, (rows, words, height, width): the means over the layers of one of the steps that are kept apart.

        They are forgotten here, so that no memory is held; that the layers were seen is not.
        """
        counts = self._counts.pop(step, Counter())
        return {grid: _pictures(sums, grid) / counts[grid] for grid, sums in self._sums.pop(step, {}).items()}

    def so_far(self) -> torch.Tensor | None:
        """(rows, words, height, width): the mean over everything that was added, while more may come."""
        if not self._sums:
            return None
        everything = sum(counts.total() for counts in self._counts.values())
        return torch.stack([self._sum(step) for step in self.steps]).sum(dim=0) / everything

    def _sum(self, step: int) -> torch.Tensor:
        """(rows, words, height, width)."""
        sums = self._sums[step].items()
        return torch.stack([resized(_pictures(maps, grid), self._size) for grid, maps in sums]).sum(dim=0)


def _pictures(maps: torch.Tensor, grid: Grid) -> torch.Tensor:
    """(rows, places of the grid, words) → (rows, words, height, width)."""
    return rearrange(maps, "r (h w) n -> r n h w", h=grid[0], w=grid[1])


def resized(maps: torch.Tensor, size: Grid) -> torch.Tensor:
    """(rows, words, height, width) at another size, bilinear."""
    if tuple(maps.shape[-2:]) == size:
        return maps
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
