"""Runs what the trials ask for: every graph once, as long as the source prompt is the same."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy
import torch

from .client import Client, Result
from .graphs import Batch, Graph, Settings
from .trials import MakeGraph, Take


@dataclass(frozen=True)
class Shot:
    """Pictures of one arm, a picture per row, and what the judge sees in them (None without a judge)."""

    pictures: list[numpy.ndarray]
    judge: Callable | None

    @property
    def tensor(self) -> torch.Tensor:
        """Return (b, h, w, 3) in 0..1."""
        return torch.from_numpy(numpy.stack(self.pictures)).float() / 255

    @cached_property
    def verdict(self) -> object | None:
        """Ask the judge, once."""
        return self.judge(self.tensor) if self.judge else None


class Studio:
    """The runs of one demo. Runs are remembered until ``forget``: a second run of a graph would be no measurement,
    because the host remembers what it did last."""

    def __init__(self, client: Client, settings: Settings, batches: list[Batch], judge: Callable | None) -> None:
        self._client = client
        self._settings = settings
        self._batches = batches
        self._judge = judge
        self._results: dict[str, Result] = {}
        self._shots: dict[tuple[str, ...], Shot] = {}

    async def shot(self, take: Take, label: str) -> Shot:
        """Return the pictures of a take, sampled if they are not there yet."""
        built = self._graphs(take.graph)
        key = (*map(_key, built), str(take.group), str(take.place))
        if key not in self._shots:
            results = [await self._run(graph, label) for graph in built]
            pictures = [picture for result in results for picture in result.pictures[take.place :: take.group]]
            self._shots[key] = Shot(pictures, self._judge)
        return self._shots[key]

    async def runs(self, make: MakeGraph, label: str) -> list[tuple[Graph, Result]]:
        """Return every run of a graph, with the graph as it was sent."""
        return [(graph, await self._run(graph, label)) for graph in self._graphs(make)]

    async def seconds(self, runs: Iterable[MakeGraph], label: str) -> float:
        """Return what these runs took in the sampling node, each counted once."""
        graphs = {_key(graph): graph for make in runs for graph in self._graphs(make)}
        return sum([(await self._run(graph, label)).seconds for graph in graphs.values()])

    def forget(self) -> None:
        """Let go of every run."""
        self._results.clear()
        self._shots.clear()

    def shot_of(self, pictures: list[numpy.ndarray]) -> Shot:
        """Return pictures with this studio's judge."""
        return Shot(pictures, self._judge)

    def _graphs(self, make: MakeGraph) -> list[Graph]:
        return [make(batch, self._settings) for batch in self._batches]

    async def _run(self, graph: Graph, label: str) -> Result:
        key = _key(graph)
        if key not in self._results:
            self._results[key] = await self._client.run(graph, label)
        return self._results[key]


def _key(graph: Graph) -> str:
    return json.dumps(graph, sort_keys=True)
