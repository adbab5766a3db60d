"""What of a run is kept in a record, decided before it is sampled."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes
from functools import cached_property

import torch

from ...p2p_core.edit import Grids
from ...p2p_core.placement import Grid
from ...p2p_core.record_budget import KeptPieces, Piece, within_budget
from ...p2p_core.source_record import Kind, RecordRequest
from .places import Places

SEEN_GRIDS: Grids = "medium"  # the largest of which mean maps are kept, for local blends


@dataclass(frozen=True)
class RunSize:
    """What decides how much a record takes.

    Attributes:
        places: of the network's attention.
        pictures, channels: of the source's latents.
        calls: of the model per step.
    """

    places: Places
    pictures: int
    channels: int
    calls: int = 1

    @classmethod
    def of(cls, places: Places, noise: torch.Tensor, rows: int) -> "RunSize":
        """That of a run with so many rows of noise for every picture."""
        return cls(places, noise.shape[0] // rows, noise.shape[1])


@dataclass(frozen=True)
class RecordPlan:
    """What is kept of which step and layer.

    Attributes:
        progress: at the start of every step.
        tokens: per prompt, how many it has.
        positions: per prompt, the tokens whose maps are kept of every head and layer.
        seen: per prompt, how many tokens have mean maps, which are kept with queries.
    """

    request: RecordRequest
    progress: tuple[float, ...]
    tokens: tuple[int, ...]
    positions: tuple[tuple[int, ...], ...]
    seen: tuple[int, ...]
    size: RunSize

    def keeps(self, kind: Kind, step: int, sets: Sequence[str], grid: Grid) -> bool:
        """Whether something of a layer is kept, which belongs to these sets of grids.

        ``grid`` may be one of a prompt's area, of which the budget knows nothing: it is smaller than what it counts.
        """
        step = min(step, len(self.progress) - 1)
        return self._wants(kind, step, sets) and (kind, step, grid) not in self._left_out

    def keeps_tokens(self, step: int, grid: Grid) -> bool:
        """Whether the mean maps of a grid are kept: where the queries are, of which an edit would make them."""
        sets = self.size.places.sets_of(grid)
        return bool(sets) and self.keeps("cross", step, sets, grid)

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
        """Bytes of the latents (the noise, the start, the result, and two of every call) and of the mean maps."""
        size, latent = self.size, self.size.places.latent
        numbers = size.channels * latent[0] * latent[1] * (4 + 2 * size.calls * len(self.progress))
        return size.pictures * (4 * numbers + sum(map(self._bytes_of_tokens, range(len(self.progress)))))

    def _bytes_of_tokens(self, step: int) -> int:
        places = self.size.places
        kept = [grid for grid in places.within(SEEN_GRIDS) if self._wants("cross", step, places.sets_of(grid))]
        return sum(4 * tokens * grid[0] * grid[1] for tokens in self.seen for grid in kept)

    def _wants(self, kind: Kind, step: int, sets: Sequence[str]) -> bool:
        request = self.request
        if not request.window.contains(self.progress[step]):
            return False
        if kind == "self":
            return request.keep == "queries" and request.self_attention in sets
        return (request.keep == "words") == (kind == "words") and request.grids in sets

    def _pieces(self) -> Iterator[Piece]:
        places = self.size.places
        alike = Counter((layer.grid(places.latent), layer.channels, layer.heads) for layer in places.layers)
        for step in range(len(self.progress)):
            for (grid, channels, heads), count in alike.items():
                sets = places.sets_of(grid)
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
