"""What P2P Attention Guidance reaches with its defaults on the embedded model: the figures of its help page.

Sizes, boxes and *stay like this*, 32 pictures each, beside the same prompts without guidance and, where it can do the
same, beside P2P Move a Word. *be present* and *be here* are in the demo (dev.py demo).

.venv/bin/python docs/guidance_values.py
"""

import argparse
import importlib
import math
from collections import defaultdict

import real_runs
import torch

ROWS = 8
SIZES = (0.3, 0.55, 0.35, 0.5)  # width and height, one for each scene
BOXES = ((0.3, 0.3, 0.45, 0.45), (0.7, 0.35, 0.4, 0.5), (0.35, 0.65, 0.5, 0.4), (0.65, 0.6, 0.45, 0.6))
CLOSE, INSIDE = 0.25, 0.8
SEEDS_OF_SIZES, SEEDS_OF_BOXES, SEEDS_OF_STAYING, ANOTHER = 200, 300, 400, 50


class Measured:
    """Runs, and what the judge sees in them."""

    def __init__(self, runs: real_runs.RealRuns) -> None:
        self.runs = runs
        self.figures = importlib.import_module("p2p.development.figures")
        self.demo = importlib.import_module("p2p.development.demo_guidance")
        self.edits = importlib.import_module("p2p.development.edits")
        self.judge = importlib.import_module("p2p.mini_sdxl.judge").load_judge()
        self.table: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, values: torch.Tensor) -> None:
        """The mean over the pictures of a prompt."""
        self.table[name].append(float(values[values.isfinite()].mean()))

    def seen(self, latents) -> object:
        return self.judge(self.runs.pictures(latents))

    def sizes(self) -> None:
        """*be this big*: the part of pictures whose area is within a quarter of the asked one."""
        for number, (place, side) in enumerate(zip(self.demo.PLACES, SIZES, strict=True)):
            scene, seed = place.scene, SEEDS_OF_SIZES + number
            alone = self.seen(self.runs.plain(scene.prompt, ROWS, seed=seed))
            scale = min(4.0, max(0.25, side / math.sqrt(float(self._areas(alone).mean()))))
            controller = self.runs.move(scene.prompt, scene.phrase, scale=scale)
            wanted = {"objective": "be this big", "width": side, "height": side}
            arms = {
                "alone": alone,
                "moved": self.seen(self.runs.edited(controller, ROWS, seed=seed)[1::2]),
                "guided": self.seen(self.runs.guided(scene.prompt, scene.phrase, rows=ROWS, seed=seed, **wanted)),
            }
            for arm, verdict in arms.items():
                self.add(f"be this big, {arm}", ((self._areas(verdict) - side**2).abs() <= CLOSE * side**2).double())

    def boxes(self) -> None:
        """*be in this box*: the part of pictures with four fifths of the object in the box."""
        for number, (place, box) in enumerate(zip(self.demo.PLACES, BOXES, strict=True)):
            scene, seed = place.scene, SEEDS_OF_BOXES + number
            alone = self.seen(self.runs.plain(scene.prompt, ROWS, seed=seed))
            centre = self.figures.centres(alone.mask).nanmean(0).tolist()
            controller = self.runs.move(scene.prompt, scene.phrase, box[0] - centre[0], box[1] - centre[1])
            wanted = {"objective": "be in this box", **dict(zip(("x", "y", "width", "height"), box, strict=True))}
            arms = {
                "alone": alone,
                "moved": self.seen(self.runs.edited(controller, ROWS, seed=seed)[1::2]),
                "guided": self.seen(self.runs.guided(scene.prompt, scene.phrase, rows=ROWS, seed=seed, **wanted)),
            }
            for arm, verdict in arms.items():
                self.add(f"be in this box, {arm}", (self._inside(verdict, box) >= INSIDE).double())

    def staying(self) -> None:
        """*stay like this*: overlap with the object of a record, of a prompt with another colour or background."""
        scene, edit = self.edits.Scene, self.edits.Edit
        edits = (
            (edit(scene("car", "grass", "red"), scene("car", "grass", "blue")), "car"),
            (edit(scene("umbrella", "sand", "green"), scene("umbrella", "sand", "purple")), "umbrella"),
            (edit(scene("dog", "grass"), scene("dog", "snow")), "dog"),
            (edit(scene("house", "water", "yellow"), scene("house", "wood", "yellow")), "yellow house"),
        )
        for number, (change, words) in enumerate(edits):
            seed = SEEDS_OF_STAYING + number
            model, record = self.runs.node("record", "P2PRecord", model=self.runs.model)
            source = self.seen(self.runs.plain(change.source.prompt, ROWS, model=model, seed=seed))
            wanted = {"objective": "stay like this", "record": record, "rows": ROWS}
            for which, own in (("the same seed", seed), ("another seed", seed + ANOTHER)):
                alone = self.seen(self.runs.plain(change.target.prompt, ROWS, seed=own))
                guided = self.seen(self.runs.guided(change.target.prompt, words, seed=own, **wanted))
                for arm, verdict in (("alone", alone), ("guided", guided)):
                    overlap = self.figures.mask_iou(source.mask, verdict.mask)
                    self.add(f"stay like this, {which}, {arm}", overlap)

    def _areas(self, verdict) -> torch.Tensor:
        return (verdict.mask > self.figures.MASK_THRESHOLD).double().mean(dim=(1, 2))

    def _inside(self, verdict, box: tuple[float, ...]) -> torch.Tensor:
        """The part of every object that lies in the box."""
        x, y, width, height = box
        mask = (verdict.mask > self.figures.MASK_THRESHOLD).double()
        down, across = ((torch.arange(length) + 0.5) / length for length in mask.shape[1:])
        inside = ((down - y).abs() <= height / 2)[:, None] & ((across - x).abs() <= width / 2)[None]
        return (mask * inside).sum(dim=(1, 2)) / mask.sum(dim=(1, 2)).clamp(min=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    real_runs.comfyui_argument(parser)
    measured = Measured(real_runs.started(parser.parse_args().comfyui))
    for measure in (measured.sizes, measured.boxes, measured.staying):
        measure()
    for name, values in measured.table.items():
        print(f"{name}: {sum(values) / len(values):.2f}", [round(value, 2) for value in values], flush=True)


if __name__ == "__main__":
    main()
