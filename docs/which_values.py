"""What the sweeps say: the table of the README and the sheet docs/which_values.jpg, from docs/which_values.json."""

import json
from collections.abc import Mapping
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


def _told(cell: Mapping[str, float], pictures: int) -> str:
    return f"{round(cell['success'] * pictures)} of {pictures}, {cell['iou']:.2f}"


def with_table(readme: str, table: str) -> str:
    """The README with this table between its marks."""
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"
