"""Watching words of a conditioning entry while it is sampled."""

from dataclasses import dataclass, field

import torch

from ...p2p_core.edit import Grids
from ...p2p_core.operators import TokenOperators
from ...p2p_core.placement import Grid
from ...p2p_core.word_maps import MapSums, Positions, indicator, word_maps
from .grids import fits, grid_of, largest_grid


@dataclass(eq=False)
class Watch:
    """Which words of an entry are seen, and what was seen of them so far.

    Attributes:
        words_of_row: per row of a group (one row where the entry is not edited), the positions of each word's tokens.
        tokens_of_row: per row of a group, the tokens of its prompt.
        plan: per step, the edits that the maps are to show, one per target.
        latent: (height, width) of the run's latents. An entry of an area sees a part of them only and is not watched.
        grids: the largest grids that count.
        steps: which steps are seen.
        sums: the maps so far.
    """

    words_of_row: tuple[tuple[Positions, ...], ...]
    tokens_of_row: tuple[int, ...]
    plan: tuple[tuple[TokenOperators | None, ...], ...]
    latent: Grid
    grids: Grids
    steps: tuple[bool, ...]
    sums: MapSums
    _indicators: dict[tuple, torch.Tensor] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(self.words_of_row)

    def looks_at(self, step: int, factor: int, options: dict) -> bool:
        """Whether the layer that calls counts at this step."""
        latent, grid = tuple(options["original_shape"][-2:]), tuple(options["activations_shape"][-2:])
        return (
            self.steps[min(step, len(self.steps) - 1)]
            and latent == self.latent
            and fits(grid, largest_grid(factor, self.grids, latent))
            and self.sums.wants(step, _site(options))
        )

    def see(self, step: int, q: torch.Tensor, k: torch.Tensor, operators, factor: int, options: dict) -> None:
        """Adds the maps of one layer. ``q`` and ``k`` are those of this entry's rows, (rows, tokens, channels)."""
        grid = grid_of(options, q.shape[1])
        maps = word_maps(q, k, self._indicator(q, k.shape[1]), operators, options["n_heads"], grid)
        self.sums.add(step, _site(options), maps, grid, largest_grid(factor, self.grids, self.latent))

    def _indicator(self, q: torch.Tensor, tokens: int) -> torch.Tensor:
        """W beside q, made once per run."""
        key = (tokens, q.device, q.dtype)
        if key not in self._indicators:
            self._indicators[key] = indicator(self.words_of_row, self.tokens_of_row, tokens).to(q)
        return self._indicators[key]


def _site(options: dict) -> tuple:
    return (*options["block"], options["block_index"])
