"""The guidance of the demo: two objects of two colours, and one object at a place that was asked for."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from ..mini_sdxl.vocabulary import COLOURS, OBJECTS, caption, object_phrase
from . import figures, graphs, pictures
from .edits import Scene, file_name
from .sheets import Column
from .studio import Shot, Studio
from .trials import MakeGraph, Take

LEAST_AREA = 0.02  # of the picture, for an object to be there
NEAR = 0.1  # of the picture's width
PLACED = {"objective": "be here"}
ARMS = {"pairs": ("plain", "guided"), "places": ("plain", "moved", "guided")}
COLUMNS = {
    "pairs": (
        ("both there", "present", "{:.0%}"),
        ("each in its colour", "coloured", "{:.0%}"),
        ("seconds", "seconds", "{:.1f}"),
    ),
    "places": (
        ("at the place", "there", "{:.0%}"),
        ("object seen", "found", "{:.0%}"),
        ("away, widths", "away", "{:.2f}"),
        ("seconds", "seconds", "{:.1f}"),
    ),
}
GAIN, AT_ITS_PLACE = 0.15, 0.8
MIDDLE = (0.5, 0.5)


@dataclass(frozen=True)
class Pair:
    """Two objects, each of its own colour."""

    objects: tuple[str, str]
    colours: tuple[str, str]
    background: str

    @property
    def phrases(self) -> tuple[str, ...]:
        return tuple(f"{colour} {name}" for colour, name in zip(self.colours, self.objects, strict=True))

    @property
    def prompt(self) -> str:
        """``a red fish and a blue cat on grass``."""
        both = zip(self.objects, self.colours, strict=True)
        return caption(tuple(object_phrase(name, colour) for name, colour in both), self.background)


@dataclass(frozen=True)
class Place:
    """Where the object of a scene is to be, in fractions of the picture from its upper left corner."""

    scene: Scene
    x: float
    y: float


# Every object once or twice, every colour and background; written down before any was drawn.
PAIRS = (
    Pair(("apple", "dog"), ("green", "purple"), "sand"),
    Pair(("cat", "toadstool"), ("blue", "yellow"), "grass"),
    Pair(("car", "star"), ("red", "yellow"), "night"),
    Pair(("house", "fish"), ("purple", "green"), "water"),
    Pair(("tree", "umbrella"), ("yellow", "red"), "snow"),
    Pair(("sailboat", "teddy bear"), ("blue", "red"), "wood"),
    Pair(("toadstool", "car"), ("purple", "green"), "snow"),
    Pair(("dog", "umbrella"), ("yellow", "blue"), "sand"),
)
PLACES = (
    Place(Scene("car", "sand", "blue"), 0.35, 0.35),
    Place(Scene("apple", "wood", "red"), 0.7, 0.3),
    Place(Scene("dog", "grass"), 0.3, 0.65),
    Place(Scene("toadstool", "snow"), 0.7, 0.6),
)


@dataclass(frozen=True)
class Guided:
    """What a demo guides."""

    pairs: tuple[Pair, ...] = ()
    places: tuple[Place, ...] = ()


ALL, NOTHING = Guided(PAIRS, PLACES), Guided()


async def run(studio: Studio, folder: Path, rows: Sequence[str], guided: Guided) -> dict[str, list[dict]]:
    """Run every pair and every place; write their sheets and return what the report says of them."""
    made = {"pairs": [], "places": []}
    for pair in guided.pairs:
        made["pairs"].append(await _pair(studio, pair, folder, rows))
        studio.forget()
    for place in guided.places:
        made["places"].append(await _place(studio, place, folder, rows))
        studio.forget()
    return made


def means(entries: Sequence[Mapping]) -> dict[str, float | None]:
    """Return the mean of every figure over the pairs, or the places."""
    names = [name for name in entries[0] if isinstance(entries[0][name], float | None)] if entries else []
    return {name: figures.mean([entry[name] for entry in entries]) for name in names}


async def _pair(studio: Studio, pair: Pair, folder: Path, rows: Sequence[str]) -> dict:
    words = {"objective": "be present", "words": ", ".join(pair.phrases)}
    runs = {
        "plain": Take(partial(graphs.plain_graph, pair.prompt)),
        "guided": Take(partial(graphs.guidance_graph, pair.prompt, words)),
    }
    name = f"guided_{file_name('_and_'.join(pair.phrases))}"
    shots, result = await _shots(studio, runs, name, pair.prompt, folder, rows)
    for arm, shot in shots.items():
        result |= {f"{measure}_{arm}": value for measure, value in _of_pair(pair, shot).items()}
    return result


async def _place(studio: Studio, place: Place, folder: Path, rows: Sequence[str]) -> dict:
    """The map-free move is told how far it is from the mean place of the plain pictures."""
    scene, where = place.scene, {"words": place.scene.phrase, "x": place.x, "y": place.y}
    plain = Take(partial(graphs.plain_graph, scene.prompt))
    name = f"placed_{file_name(scene.phrase)}"
    start = _mean_centre(await studio.shot(plain, f"{name}: plain"))
    offset = (round(place.x - start[0], 3), round(place.y - start[1], 3))
    runs = {
        "plain": plain,
        "moved": Take(partial(graphs.move_graph, scene.prompt, scene.phrase, offset), 2, 1),
        "guided": Take(partial(graphs.guidance_graph, scene.prompt, {**PLACED, **where})),
    }
    shots, result = await _shots(studio, runs, name, f"{scene.prompt} ({place.x:g}, {place.y:g})", folder, rows)
    for arm, shot in shots.items():
        result |= {f"{measure}_{arm}": value for measure, value in _of_place(place, shot).items()}
    return result


async def _shots(
    studio: Studio, runs: Mapping[str, Take], name: str, title: str, folder: Path, rows: Sequence[str]
) -> tuple[dict[str, Shot], dict]:
    """The pictures of every arm, and the beginning of an entry: names, seconds, and the sheet that was written."""
    shots = {arm: await studio.shot(take, f"{name}: {arm}") for arm, take in runs.items()}
    result: dict = {"name": name, "title": title}
    for arm, take in runs.items():
        made: tuple[MakeGraph, ...] = (take.graph,)
        result[f"seconds_{arm}"] = await studio.seconds(made, f"{name}: {arm}")
    columns = [Column(arm, title, shot.pictures) for arm, shot in shots.items()]
    result["images"] = [pictures.save_sheet(folder, name, columns, rows)]
    return shots, result


def _of_pair(pair: Pair, shot: Shot) -> dict[str, float | None]:
    """``present``: both objects are there. ``coloured``: and each has its own colour."""
    if shot.verdict is None:
        return dict.fromkeys(("present", "coloured"))
    there, coloured = [], []
    for name, colour in zip(pair.objects, pair.colours, strict=True):
        place = OBJECTS.index(name)
        there.append(shot.verdict.object_masks[:, place].mean(dim=(1, 2)) >= LEAST_AREA)
        # As of all edits: natural colours do not count, which for a yellow star are the same.
        coloured.append(shot.verdict.object_colours[:, place, 1:].argmax(dim=1) == COLOURS.index(colour))
    present = torch.stack(there).all(dim=0)
    return {"present": _share(present), "coloured": _share(present & torch.stack(coloured).all(dim=0))}


def _of_place(place: Place, shot: Shot) -> dict[str, float | None]:
    """``there``: the object is found, its centre within a tenth of the width. ``found``, and ``away``, the distance."""
    if shot.verdict is None:
        return dict.fromkeys(("there", "found", "away"))
    found = figures.found(shot.verdict.object_probability, OBJECTS.index(place.scene.object)) > 0
    away = (figures.centres(shot.verdict.mask) - torch.tensor([place.x, place.y])).norm(dim=1)
    return {
        "there": _share(found & (away <= NEAR)),
        "found": _share(found),
        "away": figures.mean(away.tolist()),
    }


def _mean_centre(shot: Shot) -> tuple[float, float]:
    """Where the object is on the mean; the middle where nobody judges."""
    if shot.verdict is None:
        return MIDDLE
    centres = figures.centres(shot.verdict.mask)
    known = centres[centres.isfinite().all(dim=1)]
    return tuple(known.mean(dim=0).tolist()) if len(known) else MIDDLE


def _share(seen: torch.Tensor) -> float:
    return float(seen.double().mean())


def tables(made: Mapping[str, list[dict]]) -> list[list[list[str]]]:
    """Return a table of the pairs and one of the places, of those that were run."""
    return [_table(kind, made[kind]) for kind in ARMS if made[kind]]


def goals(made: Mapping[str, list[dict]]) -> list[tuple[str, float | None, float]]:
    """Return what is expected: what it is, the value, and the least of it."""
    pairs, places = means(made["pairs"]), means(made["places"])
    gain = None if pairs.get("coloured_guided") is None else pairs["coloured_guided"] - pairs["coloured_plain"]
    return [
        ("guidance: two objects in their colours, more than plain", gain, GAIN),
        ("guidance: object at the asked place", places.get("there_guided"), AT_ITS_PLACE),
    ]


def _table(kind: str, entries: Sequence[Mapping]) -> list[list[str]]:
    """A heading, a row per entry and arm, and the means."""
    columns = COLUMNS[kind]
    table = [["prompt", "", *(title for title, _, _ in columns)]]
    shown = [*((entry["title"], entry) for entry in entries), (f"mean of {len(entries)}", means(entries))]
    for (title, entry), arm in itertools.product(shown, ARMS[kind]):
        cells = [entry.get(f"{measure}_{arm}") for _, measure, _ in columns]
        said = [
            "–" if value is None else form.format(value) for value, (_, _, form) in zip(cells, columns, strict=True)
        ]
        table.append([title if arm == ARMS[kind][0] else "", arm, *said])
    return table
