"""Measures which values suit which edit, on the embedded model, and shows it: docs/which_values.jpg, and the table of
the README.

Every edit is made with a grid of windows, eight pictures each; the judge says in how many the edit is seen, and how
much the outline of the object overlaps that of the source. No picture is picked: the eight are those of one batch.

.venv/bin/python docs/make_sweeps.py measure        # half an hour on one core
.venv/bin/python docs/make_sweeps.py show           # of what was measured on this machine
"""

import argparse
import importlib
import json
import time
from pathlib import Path

import drawing
import real_runs
import which_values
from drawing import Tile
from PIL import Image

CROSS_ENDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
SELF_ENDS = (0.0, 0.2, 0.4, 0.8)
MOVE_ENDS = (0.1, 0.3, 0.5, 0.7, 1.0)
OFFSETS = (0.125, 0.25, 0.375)
SCALES = (-2.0, -1.0, 0.0, 0.5, 1.5, 2.0, 3.0, 5.0, 8.0)
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)
PICTURES = real_runs.ROOT / "output" / "sweeps"
MOVE_TITLE = "a word moved to the right by 0.25: P2P Move a Word, start 0"
FADER_TITLE = "a colour turned up or down: P2P Reweight (how often the judge sees it most)"
BLEND_TITLE = "a swapped object kept local: P2P Local Blend"


def kinds_of_edits() -> dict[str, tuple[str, tuple]]:
    """What is swept: a name, the node, and two edits of the demo's list (the first two of the kind)."""
    edits = importlib.import_module("p2p.development.edits")
    swaps = edits.EDITS
    by_attribute = {name: [edit for edit in swaps if edit.attribute == name][:2] for name in edits.ATTRIBUTES}
    additions = (*edits.ADDITIONS, *edits.MORE_ADDITIONS)
    return {
        "object": ("replace", tuple(by_attribute["object"])),
        "colour": ("replace", tuple(by_attribute["colour"])),
        "background": ("replace", tuple(by_attribute["background"])),
        "added": ("refine", tuple([edit for edit in additions if edit.attribute == "colour"][:2])),
        "whole": ("refine", tuple([edit for edit in additions if edit.attribute == "background"][:2])),
    }


class Sweeper:
    """Runs and measures; what was measured before is not measured again."""

    def __init__(self, runs: real_runs.RealRuns) -> None:
        self.runs = runs
        self.figures = importlib.import_module("p2p.development.figures")
        self.aims = importlib.import_module("p2p.development.aims")
        self.judge = importlib.import_module("p2p.mini_sdxl.judge").load_judge()
        self.table = which_values.read() if which_values.FIGURES.exists() else {}
        self.sources: dict[str, tuple] = {}

    def source(self, prompt: str) -> tuple:
        """The pictures of a prompt without an edit, and what the judge sees."""
        if prompt not in self.sources:
            pictures = self.runs.pictures(self.runs.plain(prompt, which_values.ROWS))
            self.sources[prompt] = pictures, self.judge(pictures)
        return self.sources[prompt]

    def cell(self, kind: str, name: str, key: str, prompt: str, aim, controller, has_own_background: bool) -> None:
        """One combination of values of one edit."""
        cells = self.table.setdefault(kind, {}).setdefault(name, {})
        if key in cells:
            return
        begun = time.perf_counter()
        pictures = self.runs.pictures(self.runs.edited(controller, which_values.ROWS)[1::2])
        before, seen = self.source(prompt)
        verdict = self.judge(pictures)
        measures = aim.measure(seen, verdict)
        measures["iou"] = self.figures.mask_iou(seen.mask, verdict.mask)
        if not has_own_background:
            measures["background"] = self.figures.background_psnr(
                before, pictures, seen.mask, verdict.mask, self.figures.CELL
            )
        cells[key] = {what: _rounded(self.figures.mean(values.tolist())) for what, values in measures.items()}
        folder = PICTURES / name
        folder.mkdir(parents=True, exist_ok=True)
        real_runs.images(before[:1])[0].save(folder / "source.png")
        real_runs.images(pictures[:1])[0].save(folder / f"{key.replace(' ', '_')}.png")
        which_values.FIGURES.write_text(json.dumps(self.table, indent=1) + "\n", encoding="utf-8")
        print(f"{kind} {name} {key}: {cells[key]} ({time.perf_counter() - begun:.0f} s)", flush=True)

    def windows(self, kind: str, node: str, edit) -> None:
        """Every cross_end with every self_end."""
        source, target = edit.source.prompt, edit.target.prompt
        for cross_end in CROSS_ENDS:
            for self_end in SELF_ENDS:
                controller = getattr(self.runs, node)(source, target, cross_end=cross_end, self_end=self_end)
                changed = edit.attribute == "background"
                key = f"{cross_end:g} {self_end:g}"
                self.cell(kind, edit.name, key, source, self.aims.aim_of(edit), controller, changed)

    def moves(self, scene) -> None:
        """Every end with every way to the right."""
        for offset in OFFSETS:
            for end in MOVE_ENDS:
                controller = self.runs.move(scene.prompt, scene.phrase, offset, end=end)
                aim = self.aims.Moved(self.aims.place_of("object", scene.object), (offset, 0.0))
                self.cell("move", scene.phrase, f"{offset:g} {end:g}", scene.prompt, aim, controller, False)

    def faders(self, scene) -> None:
        """Every scale of a colour."""
        for scale in SCALES:
            controller = self.runs.reweight(scene.prompt, f"{scene.colour}: {scale:g}")
            aim = self.aims.Coloured(self.aims.place_of("colour", scene.colour))
            self.cell("fader", scene.phrase, f"{scale:g}", scene.prompt, aim, controller, False)

    def blends(self, edit) -> None:
        """Every threshold of a local blend."""
        for threshold in THRESHOLDS:
            controller = self.runs.local_blend(
                self.runs.replace(edit.source.prompt, edit.target.prompt), threshold=threshold
            )
            self.cell(
                "blend", edit.name, f"{threshold:g}", edit.source.prompt, self.aims.aim_of(edit), controller, False
            )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def measure(comfyui: Path | None) -> None:
    """Every first edit of a kind, then the second ones."""
    sweeper = Sweeper(real_runs.started(comfyui))
    edits = importlib.import_module("p2p.development.edits")
    kinds = kinds_of_edits()
    for place in (0, 1):
        for kind, (node, examples) in kinds.items():
            sweeper.windows(kind, node, examples[place])
        sweeper.moves(edits.MOVED[place])
        sweeper.faders(edits.FADED[place])
        sweeper.blends(kinds["object"][1][place])


def shown(name: str, key: str, caption: str, note: str = "", marked: bool = False) -> Tile:
    """The first picture of an edit with these values."""
    return Tile(Image.open(PICTURES / name / f"{key.replace(' ', '_')}.png"), caption, note, marked)


def window_rows(kind: str, edits: dict) -> list[list[Tile]]:
    """A row per edit: the source, the new prompt alone, and every cross_end. The best values of the kind are framed."""
    chosen = which_values.best(which_values.together(edits)).split()[0]
    rows = []
    for name, cells in edits.items():
        row = [shown(name, "source", "source"), shown(name, which_values.ALONE, "same seed", _note(cells["0 0"]))]
        for end in CROSS_ENDS[1:]:
            cell = cells[f"{end:g} 0.4"]
            row.append(shown(name, f"{end:g} 0.4", f"cross_end {end:g}", _note(cell), f"{end:g}" == chosen))
        rows.append(row)
    return rows


def value_rows(edits: dict, keys: list[str], captions: list[str]) -> list[list[Tile]]:
    """A row per edit: the source, then one picture per value."""
    return [
        [
            shown(name, "source", "source"),
            *(shown(name, key, caption, _note(cells[key])) for key, caption in zip(keys, captions, strict=True)),
        ]
        for name, cells in edits.items()
    ]


def _note(cell: dict) -> str:
    """In how many pictures the edit is seen, and what was kept, or how far it went."""
    seen = f"{round(cell['success'] * which_values.ROWS)}/{which_values.ROWS}"
    return f"{seen}, moved {cell['moved']:.2f}" if "moved" in cell else f"{seen}, IoU {cell['iou']:.2f}"


def show() -> None:
    """The sheet of pictures, and the table of the README."""
    table = which_values.read()
    parts = [
        drawing.sheet(window_rows(kind, table[kind]), f"{title}: P2P {node}, self_end 0.4")
        for kind, (title, node, _) in which_values.TITLES.items()
    ]
    ends = [f"0.25 {end:g}" for end in MOVE_ENDS]
    parts.append(drawing.sheet(value_rows(table["move"], ends, [f"end {end:g}" for end in MOVE_ENDS]), MOVE_TITLE))
    shown_scales = [f"{scale:g}" for scale in SCALES if scale not in (-2, 1.5, 8)]
    parts.append(drawing.sheet(value_rows(table["fader"], shown_scales, shown_scales), FADER_TITLE))
    thresholds = [f"{threshold:g}" for threshold in THRESHOLDS]
    captions = [f"threshold {threshold}" for threshold in thresholds]
    parts.append(drawing.sheet(value_rows(table["blend"], thresholds, captions), BLEND_TITLE))
    paper = Image.new("RGB", (drawing.WIDTH, sum(part.height for part in parts)), drawing.PAPER)
    top = 0
    for part in parts:
        paper.paste(part, (0, top))
        top += part.height
    drawing.save(paper, real_runs.ROOT / "docs" / "which_values.jpg", 400)
    readme = real_runs.ROOT / "README.md"
    text = which_values.with_table(readme.read_text(encoding="utf-8"), which_values.values_tables(table))
    readme.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "show"])
    real_runs.comfyui_argument(parser)
    options = parser.parse_args()
    if options.what == "measure":
        measure(options.comfyui)
    else:
        show()


if __name__ == "__main__":
    main()
