"""The chapters of the demo on records: one picture with many edits, and a word moved in a record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy

from . import edits, figures, graphs, pictures
from .aims import Moved, place_of
from .edits import Scene, Shift
from .record_graphs import adjusted_graph, from_record_graph, recording_graph
from .sheets import Column
from .studio import Studio
from .trials import MakeGraph, Take

EDITED = Scene("car", "grass", "red")
ADJUSTED = (Scene("cat", "grass"), Scene("car", "grass", "red"))


@dataclass(frozen=True)
class RecordEdit:
    """One edit of the picture.

    Attributes:
        title: for tables.
        asked: the prompt, or what is set.
        pair: samples the source and this edit of it together.
    """

    title: str
    asked: str
    pair: MakeGraph


def eight_edits() -> tuple[RecordEdit, ...]:
    """Return edits of every kind of one picture."""
    prompt = EDITED.prompt

    def swapped(title: str, graph=graphs.word_swap_graph, **changed: str) -> RecordEdit:
        target = replace(EDITED, **changed).prompt
        return RecordEdit(title, target, partial(graph, prompt, target))

    def faded(scale: float) -> RecordEdit:
        asked = f"{EDITED.colour}: {scale:g}"
        return RecordEdit(asked, asked, partial(graphs.fader_graph, prompt, EDITED.colour, scale))

    moved = partial(graphs.move_graph, prompt, EDITED.phrase, (0.25, 0.0))
    return (
        swapped("car to house", object="house"),
        swapped("red to blue", colour="blue"),
        swapped("red to purple, local blend", graphs.blend_graph, colour="purple"),
        swapped("grass to snow", background="snow"),
        swapped("huge added", graphs.refine_graph, size="huge"),
        faded(3),
        faded(-1),
        RecordEdit("moved right", f"{EDITED.phrase} +0.25", moved),
    )


async def one_picture(studios: Sequence[Studio], folder: Path, rows: Sequence[str]) -> dict:
    """Return what the report says of many edits from one record, beside the same edits as pairs.

    Args:
        studios: one per batch, so that every record is used up before the next is made.
    """
    chosen, prompt = eight_edits(), EDITED.prompt
    source, recorded = [], 0.0
    found = [{"title": edit.title, "seconds_pair": 0.0, "seconds_record": 0.0} for edit in chosen]
    alone: list[list[numpy.ndarray]] = [[] for _ in chosen]
    paired: list[list[numpy.ndarray]] = [[] for _ in chosen]
    for studio in studios:
        recording = partial(recording_graph, prompt)
        source += (await studio.shot(Take(recording), "record: source")).pictures
        recorded += await studio.seconds([recording], "record: source")
        for edit, entry, own in zip(chosen, found, alone, strict=True):
            graph = partial(from_record_graph, edit.pair, prompt)
            own += (await studio.shot(Take(graph), f"record: {edit.title}")).pictures
            entry["seconds_record"] += await studio.seconds([graph], edit.title)
        for edit, entry, pair_pictures in zip(chosen, found, paired, strict=True):
            pair_pictures += (await studio.shot(Take(edit.pair, 2, 1), f"pair: {edit.title}")).pictures
            entry["seconds_pair"] += await studio.seconds([edit.pair], edit.title)
        studio.forget()
    for entry, own, pair_pictures in zip(found, alone, paired, strict=True):
        entry["psnr"] = min(map(figures.psnr, own, pair_pictures))
    made = [Column("source", prompt, source)]
    images = [
        pictures.save_sheet(folder, name, [*made, *map(_column, chosen, columns)], rows)
        for name, columns in (("edits_from_a_record", alone), ("the_same_edits_as_pairs", paired))
    ]
    return {
        "source": prompt,
        "edits": found,
        "seconds_recording": recorded,
        "seconds_record": recorded + sum(entry["seconds_record"] for entry in found),
        "seconds_pair": sum(entry["seconds_pair"] for entry in found),
        "psnr": min(entry["psnr"] for entry in found),
        "images": images,
    }


def _column(edit: RecordEdit, made: Sequence[numpy.ndarray]) -> Column:
    return Column(edit.title, edit.asked, made)


async def moved_in_record(studios: Sequence[Studio], scene: Scene, folder: Path, rows: Sequence[str]) -> dict:
    """Return what the report says of one scene whose object was moved in its record."""
    prompt, entries = scene.prompt, []
    source = await _joined(studios, Take(partial(recording_graph, prompt)), f"record: {scene.phrase}")
    columns = [Column("source", prompt, source)]
    for shift in edits.SHIFTS:
        graph = partial(adjusted_graph, prompt, scene.phrase, shift.offset)
        own = await _joined(studios, Take(graph), f"adjusted: {scene.phrase} {shift.name}")
        columns.append(Column(shift.name, _asked(scene, shift), own))
        measured = _measured(studios[0], scene, shift, source, own)
        entries.append({"title": f"{scene.phrase}, {shift.name}", **measured})
    for studio in studios:
        studio.forget()
    name = f"adjusted_{edits.file_name(scene.phrase)}"
    return {"source": prompt, "edits": entries, "images": [pictures.save_sheet(folder, name, columns, rows)]}


async def _joined(studios: Sequence[Studio], take: Take, label: str) -> list[numpy.ndarray]:
    return [picture for studio in studios for picture in (await studio.shot(take, label)).pictures]


def _asked(scene: Scene, shift: Shift) -> str:
    return f"{scene.phrase} {shift.offset[0]:+g}, {shift.offset[1]:+g}"


def _measured(studio: Studio, scene: Scene, shift: Shift, source, own) -> dict[str, float | None]:
    """What the judge says; None where there is none."""
    before, after = studio.shot_of(source).verdict, studio.shot_of(own).verdict
    if before is None or after is None:
        return {"moved": None, "success": None}
    found = Moved(place_of("object", scene.object), shift.offset).measure(before, after)
    return {name: figures.mean(values.tolist()) for name, values in found.items()}
