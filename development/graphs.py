"""The API-format workflows the demo sends: read from the examples of the pack, filled in by following their links."""

import copy
import json
from dataclasses import dataclass

from . import paths

TEMPLATES = paths.ROOT / "example_workflows" / "api"
MINI_MODEL = "P2PMiniSDXL"
Graph = dict[str, dict]


@dataclass(frozen=True)
class Settings:
    """What is the same in every run of a demo."""

    steps: int
    checkpoint: str | None = None

    @property
    def size(self) -> int:
        """Return the width and height the model was made for."""
        return 1024 if self.checkpoint else 128


@dataclass(frozen=True)
class Batch:
    """The pictures of one run: rows drawn from one seed, as the batch size of a latent does."""

    seed: int
    rows: int


def plain_graph(prompt: str, batch: Batch, settings: Settings) -> Graph:
    """Return the graph that samples one prompt with stock nodes only."""
    graph = load("plain")
    graph[link(graph, sampler(graph), "positive")]["inputs"]["text"] = prompt
    return _filled(graph, batch, settings)


def word_swap_graph(source: str, target: str, batch: Batch, settings: Settings) -> Graph:
    """Return the graph that samples source and target together, the target by Prompt-to-Prompt."""
    graph = load("word_swap")
    controller = find(graph, "P2PReplaceController")
    for name, prompt in (("source", source), ("target", target)):
        graph[link(graph, controller, name)]["inputs"]["text"] = prompt
    return _filled(graph, batch, settings)


def load(name: str) -> Graph:
    """Read one template."""
    return json.loads((TEMPLATES / f"{name}.json").read_text(encoding="utf-8"))


def windows() -> dict[str, float]:
    """Return the step windows the template uses."""
    graph = load("word_swap")
    inputs = graph[find(graph, "P2PReplaceController")]["inputs"]
    return {name: inputs[name] for name in ("cross_start", "cross_end", "self_start", "self_end")}


def sampler(graph: Graph) -> str:
    """Return the id of the sampling node."""
    return find(graph, "KSampler")


def find(graph: Graph, class_type: str) -> str:
    """Return the id of the only node of this class."""
    found = [identity for identity, node in graph.items() if node["class_type"] == class_type]
    if len(found) != 1:
        raise ValueError(f"The template has {len(found)} nodes {class_type}, not one.")
    return found[0]


def link(graph: Graph, identity: str, name: str) -> str:
    """Return the id of the node this input comes from."""
    return graph[identity]["inputs"][name][0]


def _filled(graph: Graph, batch: Batch, settings: Settings) -> Graph:
    graph = copy.deepcopy(graph)
    if settings.checkpoint:
        graph[find(graph, MINI_MODEL)] = _checkpoint_loader(settings.checkpoint)
    size = {"width": settings.size, "height": settings.size, "batch_size": batch.rows}
    graph[find(graph, "EmptyLatentImage")]["inputs"].update(size)
    graph[sampler(graph)]["inputs"].update(seed=batch.seed, steps=settings.steps)
    return graph


def _checkpoint_loader(name: str) -> dict:
    """Return the node that can take the mini model's place: it gives MODEL, CLIP and VAE in the same order."""
    return {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": name}}
