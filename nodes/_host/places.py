"""Where a run has attention."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

from ...p2p_core.edit import Grids
from ...p2p_core.placement import Grid
from .grids import coarse_factor, fits, largest_grid
from .layers import Layer, layers_of


@dataclass(frozen=True, eq=False)
class Places:
    """The layers of a run, the grids they have, and what coarse means.

    Attributes:
        network: the host's.
        factor: see ``grids.coarse_factor``.
        latent: (height, width).
    """

    network: Any
    factor: int
    latent: Grid

    @classmethod
    def of(cls, patcher, latent: Grid) -> "Places":
        return cls(patcher.model.diffusion_model, coarse_factor(patcher.model), latent)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        return tuple(layers_of(self.network))

    @cached_property
    def sites_of_grid(self) -> dict[Grid, set[str]]:
        """The layers by their grid, as records name them."""
        found = defaultdict(set)
        for layer in self.layers:
            found[layer.grid(self.latent)].add(".".join(map(str, layer.site)))
        return found

    def largest(self, grids: Grids) -> Grid:
        """The largest grid of a set."""
        return largest_grid(self.factor, grids, self.latent)

    def sets_of(self, grid: Grid) -> tuple[Grids, ...]:
        """Which sets a grid belongs to."""
        return tuple(name for name in get_args(Grids) if fits(grid, self.largest(name)))

    def within(self, grids: Grids) -> dict[Grid, int]:
        """The grids of a set that layers have, and how many have each."""
        largest = self.largest(grids)
        return {grid: len(sites) for grid, sites in self.sites_of_grid.items() if fits(grid, largest)}
