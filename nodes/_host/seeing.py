"""Watching words of a conditioning entry while it is sampled."""

from dataclasses import dataclass, field

import torch

from ...p2p_core.edit import Grids
from ...p2p_core.operators import TokenOperators
from ...p2p_core.placement import Grid
from ...p2p_core.row_edits import RowEdits, Terms, row_edits
from ...p2p_core.self_maps import SelfMapSums, mean_self_map
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
        self_sums: the self-attention so far, at the coarse grid; None where it is not recorded.
    """

    words_of_row: tuple[tuple[Positions, ...], ...]
    tokens_of_row: tuple[int, ...]
    plan: tuple[tuple[TokenOperators | None, ...], ...]
    latent: Grid
    grids: Grids
    steps: tuple[bool, ...]
    sums: MapSums
    self_sums: SelfMapSums | None = None
    _made: dict[tuple, tuple[RowEdits, Terms]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(self.words_of_row)

    def looks_at(self, step: int, factor: int, options: dict) -> bool:
        """Whether the layer that calls counts at this step."""
        return (
            self._is_open(step, options)
            and fits(_grid(options), largest_grid(factor, self.grids, self.latent))
            and self.sums.wants(step, _site(options))
        )

    def looks_at_self(self, step: int, factor: int, options: dict) -> bool:
        """The same for its self-attention, of which one grid is enough."""
        return (
            self.self_sums is not None
            and self._is_open(step, options)
            and _grid(options) == largest_grid(factor, "coarse", self.latent)
            and self.self_sums.wants(step, _site(options))
        )

    def _is_open(self, step: int, options: dict) -> bool:
        latent = tuple(options["original_shape"][-2:])
        return self.steps[min(step, len(self.steps) - 1)] and latent == self.latent

    def see(self, step: int, q: torch.Tensor, k: torch.Tensor, factor: int, options: dict) -> None:
        """Adds the maps of one layer. ``q`` and ``k`` are those of this entry's rows, (rows, tokens, channels)."""
        grid = grid_of(options, q.shape[1])
        edits, values = self._looks(step, q, k.shape[1])
        maps = word_maps(q, k, values, edits, options["n_heads"], grid)
        size = largest_grid(factor, self.grids, self.latent)
        self.sums.add(self._counted(step), _site(options), maps, grid, size)

    def _counted(self, step: int) -> int:
        """The step that a call belongs to: one after the last (of ``sa_solver_pece``) is another look at the last."""
        return min(step, len(self.steps) - 1)

    def see_self(self, step: int, q: torch.Tensor, k: torch.Tensor, options: dict) -> None:
        """Adds the self-attention of one layer, given its q and k, (rows, places, channels)."""
        self.self_sums.add(step, _site(options), mean_self_map(q, k, options["n_heads"]), _grid(options))

    def _looks(self, step: int, q: torch.Tensor, tokens: int) -> tuple[RowEdits, Terms]:
        """The edits of a step for these rows, and W after them; made once for all layers and steps like this."""
        operators = self.plan[self._counted(step)]
        key = (id(operators), len(q), tokens, q.device, q.dtype)
        if key not in self._made:
            edits = row_edits([operators], len(q), tokens, q.device, q.dtype)
            words = indicator(self.words_of_row, self.tokens_of_row, tokens).to(q)
            self._made[key] = edits, edits.values(words.repeat(len(q) // self.rows, 1, 1))
        return self._made[key]


def _grid(options: dict) -> Grid:
    return tuple(options["activations_shape"][-2:])


def _site(options: dict) -> tuple:
    return (*options["block"], options["block_index"])
