"""What the sweeps say: the table of the README and the sheet docs/which_values.jpg, from docs/which_values.json."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "which_values.json"
BEGIN, END = "<!-- values:begin -->", "<!-- values:end -->"
ROWS = 8
TITLES = {  # what is edited, by which node, and the values of the paper or of its code
    "object": ("an object swapped", "Replace", "0.8 and 0.4; the new word alone to 0.2 or 0.4"),
    "colour": ("a colour swapped", "Replace", "none"),
    "background": ("a background swapped", "Replace", "none"),
    "added": ("a word added", "Refine", "0.8 and 0.4, with local blend"),
    "whole": ("a phrase for the whole picture added", "Refine", "0.5 and 0.2 (style), 0.8 and 0.4 (season)"),
}
DEFAULT, ALONE = "0.8 0.4", "0 0"
ABOUT_THE_SAME = 0.01  # of overlap
Cells = Mapping[str, Mapping[str, float]]
Measure = Callable[[Sequence[Mapping[str, float]]], str]


def read() -> dict:
    """Every figure: kind, edit, values, measure."""
    return json.loads(FIGURES.read_text(encoding="utf-8"))


def together(edits: Mapping[str, Cells]) -> dict[str, dict[str, float]]:
    """The means over the edits of one kind."""
    cells = list(edits.values())
    return {
        key: {what: sum(cell[key][what] for cell in cells) / len(cells) for what in ("success", "iou")}
        for key in cells[0]
    }


def best(cells: Cells) -> str:
    """Of the values with which the edit is seen most often, those that keep most of the outline.

    Where the overlap is about the same, the smallest windows: they leave the edit most freedom.
    """
    most = max(cell["success"] for cell in cells.values())
    seen = {key: cell["iou"] for key, cell in cells.items() if cell["success"] == most}
    kept = max(seen.values())
    return next(key for key in sorted(seen, key=_sizes) if seen[key] >= kept - ABOUT_THE_SAME)


def _sizes(key: str) -> tuple[float, ...]:
    return tuple(map(float, key.split()))


def windows_table(figures: Mapping[str, Mapping[str, Cells]]) -> str:
    """The table of the README."""
    lines = [
        "| | Node | Published | Kept most while seen | there | at the defaults, 0.8 and 0.4 | new prompt alone |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, (title, node, published) in TITLES.items():
        cells = together(figures[kind])
        pictures = ROWS * len(figures[kind])
        chosen = best(cells)
        told = [_told(cells[key], pictures) for key in (chosen, DEFAULT, ALONE)]
        lines.append(f"| {title} | {node} | {published} | {' and '.join(chosen.split())} | {' | '.join(told)} |")
    return "\n".join(lines)


def values_tables(figures: Mapping[str, Mapping[str, Cells]]) -> str:
    """All tables of the README: windows, then the values of the other nodes."""
    moves = {f"{end} at {part}": f"{part} {end}" for part in ("0.25", "0.375") for end in ("0.3", "0.5", "0.7", "1")}
    tables = [
        windows_table(figures),
        _across(
            "*P2P Move a Word*: `end` at `offset_x`",
            figures["move"],
            moves,
            {"still seen": _seen, "part of the way gone": _mean("moved", 2)},
        ),
        _across(
            "*P2P Reweight*: a colour's scale",
            figures["fader"],
            {key: key for key in ("-1", "0", "0.5", "1.5", "2", "3", "5", "8")},
            {"the colour is seen most": _seen, "likeness of the background, dB": _mean("background", 0)},
        ),
        _across(
            "*P2P Local Blend*: `threshold`",
            figures["blend"],
            {key: key for key in ("0.1", "0.3", "0.5", "0.7", "0.9")},
            {"the edit is seen": _seen, "likeness of the background, dB": _mean("background", 0)},
        ),
    ]
    return "\n\n".join(tables)


def _across(title: str, edits: Mapping[str, Cells], values: Mapping[str, str], measures: Mapping[str, Measure]) -> str:
    """A table with a column per value and a row per measure."""
    lines = [f"| {title} | {' | '.join(values)} |", "|---" * (len(values) + 1) + "|"]
    for name, measure in measures.items():
        cells = (measure([cells[key] for cells in edits.values()]) for key in values.values())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _seen(cells: Sequence[Mapping[str, float]]) -> str:
    return f"{sum(round(cell['success'] * ROWS) for cell in cells)} of {ROWS * len(cells)}"


def _mean(what: str, digits: int) -> Measure:
    return lambda cells: f"{sum(cell[what] for cell in cells) / len(cells):.{digits}f}"


def _told(cell: Mapping[str, float], pictures: int) -> str:
    return f"{round(cell['success'] * pictures)} of {pictures}, {cell['iou']:.2f}"


def with_table(readme: str, table: str) -> str:
    """The README with this table between its marks."""
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"
