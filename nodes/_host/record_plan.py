"""What of a run is kept in a record, decided before it is sampled."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes
from functools import cached_property

import torch

from ...p2p_core.placement import Grid
from ...p2p_core.record_budget import KeptPieces, Piece, within_budget
from ...p2p_core.source_record import Kind, RecordRequest
from .grids import coarse_factor, fits, largest_grid
from .layers import Layer, layers_of

_SETS = ("coarse", "medium", "all")


@dataclass(frozen=True)
class RunSize:
    """What decides how much a record takes.

    Attributes:
        layers: of the network.
        factor: see ``grids.coarse_factor``.
        pictures, channels, latent: the shape of the source's latents.
        calls: of the model per step.
    """

    layers: tuple[Layer, ...]
    factor: int
    pictures: int
    channels: int
    latent: Grid
    calls: int = 1

    @classmethod
    def of(cls, patcher, noise: torch.Tensor, rows: int) -> "RunSize":
        """That of a run with so many rows of noise for every picture."""
        layers = tuple(layers_of(patcher.model.diffusion_model))
        pictures, channels, *latent = noise.shape
        return cls(layers, coarse_factor(patcher.model), pictures // rows, channels, tuple(latent))


@dataclass(frozen=True)
class RecordPlan:
    """What is kept of which step and layer.

    Attributes:
        progress: at the start of every step.
        tokens: per prompt, how many it has.
        positions: per prompt, the tokens whose maps are kept.
    """

    request: RecordRequest
    progress: tuple[float, ...]
    tokens: tuple[int, ...]
    positions: tuple[tuple[int, ...], ...]
    size: RunSize

    def keeps(self, kind: Kind, step: int, sets: Sequence[str], grid: Grid) -> bool:
        """Whether something of a layer is kept, which belongs to these sets of grids.

        ``grid`` may be one of a prompt's area, of which the budget knows nothing: it is smaller than what it counts.
        """
        step = min(step, len(self.progress) - 1)
        return self._wants(kind, step, sets) and (kind, step, grid) not in self._left_out

    def with_calls(self, calls: int) -> "RecordPlan":
        """The same for a sampler that calls the model so often per step.

        Raises:
            P2PError: nothing fits.
        """
        return with_changes(self, size=with_changes(self.size, calls=calls))

    @cached_property
    def budget(self) -> KeptPieces:
        """What fits.

        Raises:
            P2PError: nothing does.
        """
        return within_budget([*self._pieces()], self.request.budget, self._always)

    @cached_property
    def _left_out(self) -> frozenset[tuple]:
        return frozenset((piece.kind, piece.step, piece.grid) for piece in self.budget.dropped)

    @property
    def _always(self) -> int:
        """Bytes of the latents: the noise, the start, the result, and two of every call."""
        height, width = self.size.latent
        one = 4 * self.size.pictures * self.size.channels * height * width
        return one * (4 + 2 * self.size.calls * len(self.progress))

    def _wants(self, kind: Kind, step: int, sets: Sequence[str]) -> bool:
        request = self.request
        if not request.window.contains(self.progress[step]):
            return False
        if kind == "self":
            return request.keep == "queries" and request.self_attention in sets
        return (request.keep == "words") == (kind == "words") and request.grids in sets

    def _pieces(self) -> Iterator[Piece]:
        size = self.size
        alike = Counter((layer.grid(size.latent), layer.channels, layer.heads) for layer in size.layers)
        for step in range(len(self.progress)):
            for (grid, channels, heads), count in alike.items():
                sets = tuple(name for name in _SETS if fits(grid, largest_grid(size.factor, name, size.latent)))
                for kind in ("self", "cross", "words"):
                    if self._wants(kind, step, sets):
                        yield from self._of_prompts(kind, step, grid, channels, heads, count)

    def _of_prompts(self, kind: Kind, step: int, grid: Grid, channels: int, heads: int, count: int) -> Iterator[Piece]:
        size, request = self.size, self.request
        for positions in self.positions:
            shape = (size.pictures, grid[0] * grid[1], channels)
            if kind == "words":
                height, width = (-(-length // request.pooling) for length in grid)
                shape = (size.pictures, heads * len(positions), height * width)
            yield Piece(kind, step, grid, count * size.calls, shape, request.precision)
