"""Workflows that edit from a record: those of the pairs, with the source recorded by a sampler of its own."""

from .graphs import Batch, Graph, Settings, find, link, sampler, word_swap_graph
from .trials import MakeGraph

RECORD, SOURCE_SAMPLER, ADJUST = "record", "source sampler", "adjust"
_SETTINGS = {
    "keep": "everything", "words": "", "cross_grids": "all", "self_grids": "coarse", "start": 0.0, "end": 1.0,
    "resolution": "full", "precision": "fp16", "keep_in": "memory", "budget": 8192,
}  # fmt: skip


def from_record_graph(pair: MakeGraph, prompt: str, batch: Batch, settings: Settings) -> Graph:
    """Return the graph of a pair of this source prompt with only the target in its sampler.

    The recording part is the same in all graphs of one source, so that the host, which remembers what it did last,
    samples it in the first of them only.
    """
    graph = pair(batch, settings)
    apply, last = find(graph, "P2PApply"), sampler(graph)
    inputs = graph[apply]["inputs"]
    source = next(key for key, node in graph.items() if _encodes(node, prompt))
    sampling = {"model": [RECORD, 0], "positive": [source, 0]}
    sampling |= {"negative": inputs["negative"], "latent_image": inputs["latent"]}
    graph[RECORD] = {"class_type": "P2PRecord", "inputs": {"model": inputs["model"], **_SETTINGS}}
    graph[SOURCE_SAMPLER] = {"class_type": "KSampler", "inputs": {**graph[last]["inputs"], **sampling}}
    inputs |= {"latent": [SOURCE_SAMPLER, 0], "record": [RECORD, 1]}
    return graph


def recording_graph(prompt: str, batch: Batch, settings: Settings) -> Graph:
    """Return the graph that records the source and shows it."""

    def pair(batch: Batch, settings: Settings) -> Graph:
        return word_swap_graph(prompt, prompt, batch, settings)

    graph = from_record_graph(pair, prompt, batch, settings)
    edited, apply = sampler(graph), find(graph, "P2PApply")
    graph[find(graph, "VAEDecode")]["inputs"]["samples"] = [SOURCE_SAMPLER, 0]
    for node in (edited, link(graph, apply, "controller"), apply):
        del graph[node]
    return graph


def adjusted_graph(prompt: str, word: str, offset: tuple[float, float], batch: Batch, settings: Settings) -> Graph:
    """Return the graph that moves a word in the record and samples the same prompt again."""

    def pair(batch: Batch, settings: Settings) -> Graph:
        graph = word_swap_graph(prompt, prompt, batch, settings)
        graph[find(graph, "P2PReplaceController")]["inputs"]["self_attention"] = "off"  # it holds the old layout
        return graph

    graph = from_record_graph(pair, prompt, batch, settings)
    moving = {"word": word, "offset_x": offset[0], "offset_y": offset[1], "scale": 1.0}
    inputs = {"record": [RECORD, 1], **moving, "latent": [SOURCE_SAMPLER, 0]}
    graph[ADJUST] = {"class_type": "P2PAdjustMove", "inputs": inputs}
    graph[find(graph, "P2PApply")]["inputs"]["record"] = [ADJUST, 0]
    return graph


def _encodes(node: dict, prompt: str) -> bool:
    return node["class_type"] == "P2PTextEncode" and node["inputs"]["text"] == prompt
