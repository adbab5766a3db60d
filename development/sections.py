"""The tables of the report: one section per kind of edit, with its columns and what a reader must know of it."""

from dataclasses import dataclass, replace

from . import figures
from .trials import TITLES

EMPTY = "–"
SUCCESS = ("target seen", "success", "{:.0%}")
IOU = ("mask IoU", "mask_iou", "{:.2f}")
CENTRE = ("centre, px", "centroid_px", "{:.1f}")
STRICT = ("background, dB", "background_psnr", "{:.1f}")
BEYOND = ("beyond a cell, dB", "background_psnr_beyond", "{:.1f}")
SECONDS = ("seconds", "seconds", "{:.1f}")
STOCK = ("plain", "switching", "p2p")


@dataclass(frozen=True)
class Section:
    """One kind of edit: heading, arms in order, columns (title, measure, form), a note, and measures without a mean."""

    title: str
    arms: tuple[str, ...]
    columns: tuple[tuple[str, str, str], ...]
    note: str
    not_averaged: tuple[str, ...] = ()

    @property
    def averaged(self) -> "Section":
        """The same with the columns whose mean over its edits says something."""
        return replace(self, columns=tuple(column for column in self.columns if column[1] not in self.not_averaged))


SECTIONS = {
    "replace": Section("Replace: words swapped", STOCK, (SUCCESS, IOU, CENTRE, STRICT, BEYOND, SECONDS), ""),
    "blend": Section(
        "Local blend: the swaps of objects and colours, kept to their places",
        (*STOCK, "blend", "ideal"),
        (SUCCESS, IOU, CENTRE, STRICT, BEYOND, SECONDS),
        "A latent mask is made of cells of 8×8 pixels, so a cell that an object only touches changes as a whole, and "
        "the pixels of it outside the object count in the strict column: even the “ideal cell mask”, which takes the "
        "pictures of Prompt-to-Prompt in exactly the cells that the judge's masks touch and the source's pixels "
        "everywhere else, stays at its figure there.",
    ),
    "refine": Section(
        "Refine: words added",
        STOCK,
        (SUCCESS, IOU, CENTRE, STRICT, BEYOND, SECONDS),
        "Where a size was added, seen means that the object's area is a fifth larger or smaller than the source's.",
    ),
    "reweight": Section(
        "Reweight: a colour turned up and down",
        STOCK,
        (("colour", "colour", "{:.2f}"), ("colour seen", "success", "{:.0%}"), IOU, STRICT, BEYOND, SECONDS),
        "Without Prompt-to-Prompt the prompt has ComfyUI's own weight, (red:3). Colour is the probability that the "
        "judge gives it within the object; seen means that no other colour, nor the natural one, has more. A colour "
        "that is whole at 1 can hardly rise, and one turned too far can be lost, as the purple star of --full is.",
        ("colour", "success"),
    ),
    "move": Section(
        "Move: an object put elsewhere",
        STOCK,
        (("moved", "moved", "{:.2f}"), ("object seen", "success", "{:.0%}"), BEYOND, SECONDS),
        "Moved is how far the object's centre went the asked way, as a part of the asked distance. Without "
        "Prompt-to-Prompt the prompt says the place (“…, on the right”); the embedded model has never read such words.",
    ),
    "together": Section(
        "Two targets in one run",
        (*STOCK, "together"),
        (SUCCESS, IOU, CENTRE, STRICT, ("differs from alone", "alone_difference", "{:.0f}/255"), SECONDS),
        "Seconds are of all three pictures: the source and both targets.",
    ),
}
COLUMN_NOTES = (
    "Target seen: the judge sees what was asked for. Mask IoU and centre: overlap and distance (pixels of 128) of the "
    "object's outlines in source and target; centres leave out pictures in which no object is seen. Background: "
    "likeness to the source outside both outlines; beyond a cell: the same, at least 8 pixels away from them.",
    "Seconds: time in the sampling node for the source's and the edited pictures; with stock nodes these are two runs.",
)


def edit_rows(kind: str, report: dict) -> list[list[str]]:
    """Return the table of one kind: a heading, and a row per edit and arm."""
    section = SECTIONS[kind]
    rows = [["edit", "", *(title for title, _, _ in section.columns)]]
    for entry in report["edits"]:
        if kind in entry["kinds"]:
            rows += arm_rows(section, entry["name"], entry)
    return rows


def mean_rows(kind: str, report: dict) -> list[list[str]]:
    """Return the table of one kind's means: a heading, and a row per arm."""
    section = SECTIONS[kind].averaged
    count = len(report["sections"][kind]["names"])
    rows = [["mean of", "", *(title for title, _, _ in section.columns)]]
    if kind == "replace" and report["judged"]:
        rows += arm_rows(section, "object swaps", report["object_swaps"])
    return rows + arm_rows(section, f"all {count}" if count > 1 else "the only one", report["sections"][kind]["mean"])


def arm_rows(section: Section, name: str, result: dict) -> list[list[str]]:
    """Return a row per arm; the name stands in the first one only."""
    rows = []
    for arm in section.arms:
        cells = [_cell(result.get(f"{measure}_{arm}"), form) for _, measure, form in section.columns]
        if any(cell != EMPTY for cell in cells):
            rows.append(["" if rows else name, TITLES[arm], *cells])
    return rows


def curve_rows(report: dict) -> list[list[str]]:
    """Return the table of the colour's probability by scale, a row per arm; empty where there is none."""
    curve = report["curve"]
    if not curve:
        return []
    rows = [["colour at scale", *(f"{scale:g}" for scale in curve["scales"])]]
    rows += [[TITLES[arm], *(_cell(value, "{:.2f}") for value in curve[f"colour_{arm}"])] for arm in STOCK]
    rows += [[f"seen, {TITLES[arm]}", *(_cell(value, "{:.0%}") for value in curve[f"success_{arm}"])] for arm in STOCK]
    return rows


def map_rows(report: dict) -> list[list[str]]:
    """Return the table of the maps: a row per scene, and the mean."""
    entries = [(f"{entry['word']}: {entry['source']}", entry) for entry in report["maps"]]
    if len(entries) > 1:
        entries.append(("mean", report["maps_mean"]))
    names = ("raw", "floor_free", "largest")
    rows = [["word: prompt", "raw", "smallest value taken off", "largest possible"]]
    return rows + [[title, *(_cell(entry[name], "{:.2f}") for name in names)] for title, entry in entries]


def record_rows(entry: dict) -> list[list[str]]:
    """Return the table of edits from one record: a row per edit, the recording, and all together."""

    def row(title: str, made: dict) -> list[str]:
        pair, own = made["seconds_pair"], made["seconds_record"]
        part = _cell(own / pair if pair else None, "{:.2f}")
        return [title, f"{pair:.2f}", f"{own:.2f}", part, f"{made['psnr']:.1f}"]

    rows = [["edit", "pair, s", "from the record, s", "part of the pair", "likeness, dB"]]
    rows += [row(made["title"], made) for made in entry["edits"]]
    rows.append(["recording the source", EMPTY, f"{entry['seconds_recording']:.2f}", EMPTY, EMPTY])
    return [*rows, row("all, with the recording", entry)]


def adjusted_rows(entries: list[dict]) -> list[list[str]]:
    """Return the table of words moved in a record: a row per scene and place, and the mean."""
    made = [edit for entry in entries for edit in entry["edits"]]
    rows = [["moved in the record", "moved", "object seen"]]
    rows += [[edit["title"], _cell(edit["moved"], "{:.2f}"), _cell(edit["success"], "{:.0%}")] for edit in made]
    means = [figures.mean([edit[name] for edit in made]) for name in ("moved", "success")]
    return [*rows, ["mean", _cell(means[0], "{:.2f}"), _cell(means[1], "{:.0%}")]]


def goal_rows(report: dict) -> list[list[str]]:
    """Return what was expected and what came."""
    rows = [["expected on the embedded model", "asked", "came", ""]]
    for goal in report["goals"]:
        rows.append([goal["goal"], goal["asked"], goal["value"], "reached" if goal["reached"] else "NOT REACHED"])
    return rows


def _cell(value: float | None, form: str) -> str:
    return EMPTY if value is None else form.format(value)
