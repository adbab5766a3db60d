"""The maps of the demo: how much of a noun's attention lies on its object."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from ..p2p_core.attention_files import load_attention
from . import figures, graphs
from .edits import Scene, file_name
from .measuring import difference
from .sheets import Column
from .studio import Shot, Studio
from .trials import MakeGraph, Take

START = 0.5  # of the recording: early maps are blurred, because early pictures are
RATIOS = ("raw", "floor_free", "largest")


@dataclass(frozen=True)
class Seen:
    """What the recording of one scene gave: figures by name, and its columns of a contact sheet."""

    figures: dict[str, float | None]
    columns: list[Column]


def graph_of(scene: Scene) -> MakeGraph:
    """Return the run that records a scene and shows the attention of its object's word."""
    return partial(graphs.maps_graph, scene.prompt, scene.object, START)


def name_of(scene: Scene) -> str:
    """``maps_red_car``: fit for file names."""
    return f"maps_{file_name(scene.phrase)}"


async def look(studio: Studio, scene: Scene) -> Seen:
    """Record one scene; its pictures must be those that stock nodes draw."""
    label = f"{name_of(scene)}: recording"
    plain = await studio.shot(Take(partial(graphs.plain_graph, scene.prompt)), f"{name_of(scene)}: source")
    runs = await studio.runs(graph_of(scene), label)
    pictures, overlays, maps = [], [], []
    for graph, result in runs:
        pictures += result.nodes[graphs.find(graph, "SaveImage")]
        overlays += result.nodes[graphs.find(graph, "PreviewImage")]
        maps += [maps_of_word(file, scene.object) for file in result.files]
    shot = studio.shot_of(pictures)
    return Seen(
        {"source_difference": difference(plain, shot), **ratios(torch.cat(maps), shot)},
        [
            Column("picture", scene.prompt, pictures),
            Column("attention", scene.object, overlays),
        ],
    )


def maps_of_word(file: bytes, word: str) -> torch.Tensor:
    """Return the maps (rows, height, width) of one word from a file of P2P Save Attention: the mean of its run.

    Raises:
        KeyError: a row without the word.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "maps.safetensors"
        path.write_bytes(file)
        rows = load_attention(path).recorded().rows
    maps: dict[int, torch.Tensor] = {}
    for row in rows:
        if row.side == "positive":
            maps[row.row] = dict(zip(row.words, row.maps.float().mean(dim=0), strict=True))[word]
    return torch.stack([maps[number] for number in sorted(maps)])


def ratios(maps: torch.Tensor, shot: Shot) -> dict[str, float | None]:
    """Return the maps' mass inside the judge's object mask over the mask's share of the picture, means over pictures.

    ``raw`` is of the maps as they are, ``floor_free`` with each map's smallest value taken off, ``largest`` what a map
    wholly inside the mask has.
    """
    if shot.verdict is None:
        return dict.fromkeys(RATIOS)
    mask = shot.verdict.mask
    found = {
        "raw": figures.mass_ratio(maps, mask),
        "floor_free": figures.mass_ratio(figures.without_floor(maps), mask),
        "largest": figures.largest_mass_ratio(mask),
    }
    return {name: figures.mean(values.tolist()) for name, values in found.items()}


def means(entries: Sequence[dict]) -> dict[str, float | None]:
    """Return the mean of every ratio."""
    return {name: figures.mean([entry[name] for entry in entries]) for name in RATIOS}
