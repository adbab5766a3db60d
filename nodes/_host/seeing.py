"""Watching words of a conditioning entry while it is sampled."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

from ...p2p_core.edit import Grids
from ...p2p_core.further_terms import Sources
from ...p2p_core.operators import TokenOperators
from ...p2p_core.placement import Grid
from ...p2p_core.row_edits import RowEdits, Terms, row_edits, with_sources
from ...p2p_core.self_maps import SelfMapSums, mean_self_map
from ...p2p_core.source_maps import SourceMaps
from ...p2p_core.word_maps import MapSums, Positions, indicator, mean_over_heads, word_maps
from .grids import fits, grid_of, largest_grid

Project = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, eq=False)
class SeenSources:
    """The recorded sources of an entry at one layer; nothing in it where the record has nothing of the layer.

    Attributes:
        q, k: (sources, places, channels), (sources, tokens, channels).
        maps: of words, in place of them.
    """

    q: torch.Tensor | None = None
    k: torch.Tensor | None = None
    maps: SourceMaps | None = None

    @property
    def is_missing(self) -> bool:
        return self.q is None and self.maps is None


@dataclass(eq=False)
class Watch:
    """Which words of an entry are seen, and what was seen of them so far.

    Attributes:
        words_of_row: per row of a group (one row where the entry is not edited), the positions of each word's tokens.
        tokens_of_row: per row of a group, the tokens of its prompt.
        plan: per step, the edits that the maps are to show, one per target.
        sourceless: the same where a record has nothing of the source; None where nothing can be seen then.
        latent: (height, width) of the run's latents. An entry of an area sees a part of them only and is not watched.
        grids: the largest grids that count.
        steps: which steps are seen.
        sums: the maps so far.
        self_sums: the self-attention so far, at the coarse grid; None where it is not recorded.
        reads_sources: False where nothing that is seen is of a recorded source.
    """

    words_of_row: tuple[tuple[Positions, ...], ...]
    tokens_of_row: tuple[int, ...]
    plan: tuple[tuple[TokenOperators | None, ...], ...]
    latent: Grid
    grids: Grids
    steps: tuple[bool, ...]
    sums: MapSums
    self_sums: SelfMapSums | None = None
    sourceless: tuple[tuple[TokenOperators | None, ...], ...] | None = None
    reads_sources: bool = True
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

    def see(
        self, step: int, q: torch.Tensor, k: torch.Tensor, factor: int, options: dict, sources: SeenSources | None
    ) -> None:
        """Adds the maps of one layer. ``q`` and ``k`` are those of this entry's rows, (rows, tokens, channels).

        Args:
            sources: those that are not in the batch; their maps come first in every group all the same.
        """
        if sources is not None and sources.is_missing and self.reads_sources and self.sourceless is None:
            return
        grid, heads = grid_of(options, q.shape[1]), options["n_heads"]
        edits, values = self._looks(step, q, k.shape[1], sources)
        if sources is None:
            maps = word_maps(q, k, values, edits, heads, grid)
        else:
            rows, tokens = with_sources(q, sources.q), with_sources(k, sources.k)
            targets = word_maps(rows, tokens, values, edits, heads, grid, sources.maps)
            maps = self._in_groups(targets, self._maps_of_sources(q, k, sources, heads))
        size = largest_grid(factor, self.grids, self.latent)
        self.sums.add(self._counted(step), _site(options), maps, grid, size)

    def _maps_of_sources(self, q: torch.Tensor, k: torch.Tensor, sources: SeenSources, heads: int) -> torch.Tensor:
        """(sources, queries, words); zero of those of which nothing is known."""
        groups = len(q) // (self.rows - 1)
        if sources.is_missing:
            return q.new_zeros(groups, q.shape[1], 1)
        words = indicator(self.words_of_row[:1], self.tokens_of_row[:1], k.shape[1]).to(q).repeat(groups, 1, 1)
        if sources.maps is None:
            return mean_over_heads(heads)(sources.q, sources.k, words)
        rows = torch.arange(groups, device=q.device) + sources.maps.first_row
        return sources.maps.mean().attended(rows, words)

    def _in_groups(self, targets: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
        """(groups·targets, …) and (groups, …) → (groups·rows, …), each source before its targets."""
        width = max(targets.shape[-1], sources.shape[-1])
        targets, sources = (F.pad(maps, (0, width - maps.shape[-1])) for maps in (targets, sources))
        return torch.cat([sources[:, None], targets.unflatten(0, (len(sources), -1))], dim=1).flatten(0, 1)

    def _counted(self, step: int) -> int:
        """The step that a call belongs to: one after the last (of ``sa_solver_pece``) is another look at the last."""
        return min(step, len(self.steps) - 1)

    def see_self(self, step: int, q: torch.Tensor, k: torch.Tensor, options: dict) -> None:
        """Adds the self-attention of one layer, given its q and k, (rows, places, channels)."""
        self.self_sums.add(step, _site(options), mean_self_map(q, k, options["n_heads"]), _grid(options))

    def _looks(self, step: int, q: torch.Tensor, tokens: int, sources: SeenSources | None) -> tuple[RowEdits, Terms]:
        """The edits of a step for these rows, and W after them; made once for all layers and steps like this."""
        missing = sources is not None and sources.is_missing
        plan = self.sourceless if missing and self.sourceless is not None else self.plan
        operators = plan[self._counted(step)]
        key = (id(operators), len(q), tokens, q.device, q.dtype)
        if key not in self._made:
            where: Sources = "rows" if sources is None else "queries" if sources.maps is None else "maps"
            first = 0 if sources is None else 1  # the first row of a group that is in the batch
            edits = row_edits([operators], len(q), tokens, q.device, q.dtype, where)
            words = indicator(self.words_of_row[first:], self.tokens_of_row[first:], tokens).to(q)
            self._made[key] = edits, edits.values(words.repeat(len(q) // (self.rows - first), 1, 1))
        return self._made[key]


def _grid(options: dict) -> Grid:
    return tuple(options["activations_shape"][-2:])


def _site(options: dict) -> tuple:
    return (*options["block"], options["block_index"])
