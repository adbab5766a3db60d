"""The API-format workflows the demo sends: read from the examples of the pack, filled in by following their links."""

import copy
import json
from collections.abc import Mapping
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
    _set_text(graph, link(graph, sampler(graph), "positive"), prompt)
    return _filled(graph, batch, settings)


def switching_graph(source: str, target: str, batch: Batch, settings: Settings) -> Graph:
    """Return the graph that begins with one prompt and goes on with another, with stock nodes: ``[a:b:0.3]``."""
    graph = load("prompt_switching")
    both = find(graph, "ConditioningCombine")
    for name, prompt in (("conditioning_1", source), ("conditioning_2", target)):
        _set_text(graph, link(graph, link(graph, both, name), "conditioning"), prompt)
    return _filled(graph, batch, settings)


def word_swap_graph(source: str, target: str, batch: Batch, settings: Settings) -> Graph:
    """Return the graph that samples source and target together, the target by Prompt-to-Prompt."""
    return _filled(_following("word_swap", "P2PReplaceController", source, target), batch, settings)


def refine_graph(source: str, target: str, batch: Batch, settings: Settings) -> Graph:
    """Return the graph of a prompt and the same with words added."""
    return _filled(_following("refine", "P2PRefineController", source, target), batch, settings)


def blend_graph(source: str, target: str, batch: Batch, settings: Settings) -> Graph:
    """Return the graph of a word swap that stays where the words are."""
    return _filled(_following("local_blend", "P2PReplaceController", source, target), batch, settings)


def fader_graph(prompt: str, word: str, scale: float, batch: Batch, settings: Settings) -> Graph:
    """Return the graph of a prompt and the same with a word turned up or down."""
    graph = load("fader")
    controller = find(graph, "P2PReweightController")
    graph[controller]["inputs"]["scales"] = f"{word}: {scale:g}"
    _set_text(graph, link(graph, controller, "conditioning"), prompt)
    return _filled(graph, batch, settings)


def move_graph(prompt: str, word: str, offset: tuple[float, float], batch: Batch, settings: Settings) -> Graph:
    """Return the graph of a prompt and the same with a word moved."""
    graph = load("move_a_word")
    controller = find(graph, "P2PMoveController")
    graph[controller]["inputs"].update(word=word, offset_x=offset[0], offset_y=offset[1])
    _set_text(graph, link(graph, controller, "conditioning"), prompt)
    return _filled(graph, batch, settings)


def two_targets_graph(source: str, first: str, second: str, batch: Batch, settings: Settings) -> Graph:
    """Return the graph of two word swaps of one source in one run."""
    graph = load("two_targets")
    both = find(graph, "P2PCombine")
    for name, target in (("first", first), ("second", second)):
        controller = link(graph, both, name)
        _set_text(graph, link(graph, controller, "source"), source)
        _set_text(graph, link(graph, controller, "target"), target)
    return _filled(graph, batch, settings)


def guidance_graph(prompt: str, guidance: Mapping[str, object], batch: Batch, settings: Settings) -> Graph:
    """Return the graph of a prompt whose attention is guided; what is not given stays as in the example."""
    graph = load("guidance")
    graph[find(graph, "P2PAttentionGuidance")]["inputs"].update(guidance)
    _set_text(graph, link(graph, sampler(graph), "positive"), prompt)
    return _filled(graph, batch, settings)


def maps_graph(prompt: str, word: str, start: float, batch: Batch, settings: Settings) -> Graph:
    """Return the graph that records attention from ``start`` on: it saves pictures and maps, and shows one word's."""
    graph = load("maps_of_a_prompt")
    store, maps = find(graph, "P2PAttentionStore"), find(graph, "P2PAttentionMaps")
    graph[store]["inputs"].update(words=word, start=start, end=1.0)
    graph[maps]["inputs"].update(words=word, layout="one word")
    _set_text(graph, link(graph, sampler(graph), "positive"), prompt)
    decoded = graph[maps]["inputs"]["image"]
    saving = {"attention": [store, 1], "latent": [sampler(graph), 0], "filename_prefix": "attention/maps"}
    graph["save maps"] = {"class_type": "P2PSaveAttention", "inputs": saving}
    picture = {"images": decoded, "filename_prefix": "prompt-to-prompt/maps"}
    graph["save pictures"] = {"class_type": "SaveImage", "inputs": picture}
    return _filled(graph, batch, settings)


def load(name: str) -> Graph:
    """Read one template."""
    return json.loads((TEMPLATES / f"{name}.json").read_text(encoding="utf-8"))


def settings_of(template: str, class_type: str) -> dict:
    """Return what a template sets on its first node of a class, without the links."""
    node = next(node for node in load(template).values() if node["class_type"] == class_type)
    return {name: value for name, value in node["inputs"].items() if not isinstance(value, list)}


def windows() -> dict[str, float]:
    """Return the step windows the template of the word swap uses."""
    inputs = settings_of("word_swap", "P2PReplaceController")
    return {name: inputs[name] for name in ("cross_start", "cross_end", "self_start", "self_end")}


def sampler(graph: Graph) -> str:
    """Return the id of the sampling node whose pictures are shown: the one that makes no latent for an edit."""
    starts = [node["inputs"]["latent"][0] for node in graph.values() if node["class_type"] == "P2PApply"]
    return find({key: node for key, node in graph.items() if key not in starts}, "KSampler")


def find(graph: Graph, class_type: str) -> str:
    """Return the id of the only node of this class."""
    found = [identity for identity, node in graph.items() if node["class_type"] == class_type]
    if len(found) != 1:
        raise ValueError(f"The template has {len(found)} nodes {class_type}, not one.")
    return found[0]


def link(graph: Graph, identity: str, name: str) -> str:
    """Return the id of the node this input comes from."""
    return graph[identity]["inputs"][name][0]


def _following(template: str, controller_class: str, source: str, target: str) -> Graph:
    graph = load(template)
    controller = find(graph, controller_class)
    for name, prompt in (("source", source), ("target", target)):
        _set_text(graph, link(graph, controller, name), prompt)
    return graph


def _set_text(graph: Graph, encoder: str, prompt: str) -> None:
    if "text" not in graph[encoder]["inputs"]:
        raise ValueError(f"Node {encoder} of the template, {graph[encoder]['class_type']}, has no text.")
    graph[encoder]["inputs"]["text"] = prompt


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
