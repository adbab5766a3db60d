"""Measures the LoRA and the ControlNet with the judge: is the object still the one of the prompt, and is it where the
control picture says?

python -m mini_sdxl.training.evaluate_extras --comfyui DIR [--count N] [--pictures DIR]
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..judge import Judge, load_judge
from .evaluate import ROWS, prompts, sample
from .train import load_host

SIZE = 128
CONTROL_STRENGTHS = (0.0, 0.5, 1.0)
LORA_STRENGTHS = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Drawn:
    """What the embedded model draws of ``evaluate.prompts``, a control picture each where there are some."""

    model: object
    clip: object
    vae: object

    def pictures(self, count: int, control=None, controls: torch.Tensor | None = None, strength: float = 1.0):
        """(count, 128, 128, 3); ``controls``: (count, 128, 128) in 0..1."""
        texts, parts = [text for text, *_ in prompts(count)], []
        for start in range(0, count, ROWS):
            window = slice(start, start + ROWS)
            shown = None if control is None else (control, _as_images(controls[window]), strength)
            parts.append(sample(self.model, self.clip, self.vae, texts[window], seed=start, control=shown))
        return torch.cat(parts)


def _as_images(shapes: torch.Tensor) -> torch.Tensor:
    return shapes[..., None].expand(-1, -1, -1, 3)


def shapes(count: int, kind: str) -> torch.Tensor:
    """(count, 128, 128) of 0 and 1: squares or discs of 44 to 84 pixels at random places."""
    rng, drawn = np.random.default_rng(13), []
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    for _ in range(count):
        side = int(rng.integers(44, 85))
        top, left = (int(rng.integers(0, SIZE - side + 1)) for _ in range(2))
        across, down = (x - left - side / 2) / (side / 2), (y - top - side / 2) / (side / 2)
        drawn.append(np.maximum(abs(across), abs(down)) <= 1 if kind == "square" else across**2 + down**2 <= 1)
    return torch.from_numpy(np.stack(drawn)).float()


def centres(masks: torch.Tensor) -> torch.Tensor:
    """(n, h, w) to (n, 2): the centre of mass in pixels."""
    y, x = torch.meshgrid(*(torch.arange(extent) + 0.5 for extent in masks.shape[1:]), indexing="ij")
    total = masks.sum((1, 2)).clamp(min=1e-6)
    return torch.stack([(masks * axis).sum((1, 2)) / total for axis in (y, x)], 1)


def placement(judge: Judge, pictures: torch.Tensor, wanted: torch.Tensor) -> dict[str, float]:
    """How the objects that are drawn lie to the shapes that were asked for, means over the pictures."""
    seen, shape = judge(pictures).mask > 0.5, wanted > 0.5
    both = (seen & shape).sum((1, 2))
    return {
        "centre_distance": float((centres(seen.float()) - centres(wanted)).norm(dim=1).mean()),
        "iou": float((both / (seen | shape).sum((1, 2))).mean()),
        "inside": float((both / seen.sum((1, 2)).clamp(min=1)).mean()),
    }


def agreement(judge: Judge, pictures: torch.Tensor, count: int) -> dict[str, float]:
    """Shares of pictures in which the judge sees the object and the background of the prompt."""
    verdict = judge(pictures)
    names, _, grounds = (torch.tensor(numbers) for numbers in list(zip(*prompts(count), strict=True))[1:])
    return {
        "object": float((verdict.object_probability.argmax(1) == names).float().mean()),
        "background": float((verdict.background_probability.argmax(1) == grounds).float().mean()),
    }


def white_share(pictures: torch.Tensor) -> float:
    """The share of nearly white pixels, the least of the three channels above 0.8: on snow it says nothing."""
    return float((pictures.amin(-1) > 0.8).float().mean())


def control_figures(drawn: Drawn, judge: Judge, control, count: int, kind: str) -> tuple[dict, list[torch.Tensor]]:
    wanted, figures, pictures = shapes(count, kind), {}, []
    for strength in CONTROL_STRENGTHS:
        pictures.append(drawn.pictures(count, control, wanted, strength))
        found = {**placement(judge, pictures[-1], wanted), **agreement(judge, pictures[-1], count)}
        figures[f"strength {strength:g}"] = {name: round(value, 3) for name, value in found.items()}
    return figures, [_as_images(wanted), *pictures]


def lora_figures(drawn: Drawn, judge: Judge, count: int) -> tuple[dict, list[torch.Tensor]]:
    from ..lora import with_lora

    plain, figures, pictures = drawn.pictures(count), {}, []
    masks, snowless = judge(plain).mask > 0.5, torch.tensor([not text.endswith("snow") for text, *_ in prompts(count)])
    for strength in LORA_STRENGTHS:
        styled = Drawn(with_lora(drawn.model, strength), drawn.clip, drawn.vae).pictures(count)
        seen = judge(styled).mask > 0.5
        overlap = ((seen & masks).sum((1, 2)) / (seen | masks).sum((1, 2)).clamp(min=1)).mean()
        found = {
            "white_without_snow": white_share(styled[snowless]),
            "iou_with_plain": float(overlap),
            **agreement(judge, styled, count),
        }
        figures[f"strength {strength:g}"] = {name: round(value, 3) for name, value in found.items()}
        pictures.append(styled)
    return figures, pictures


def write_sheet(rows: list[torch.Tensor], path: Path, columns: int = 12) -> None:
    """One row of pictures for each of ``rows``."""
    from PIL import Image

    sheet = torch.cat([torch.cat(list(row[:columns]), 1) for row in rows])
    Image.fromarray((sheet * 255).byte().cpu().numpy()).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comfyui", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--only", choices=("lora", "controlnet"))
    parser.add_argument("--pictures", type=Path, help="a folder for sheets of the first pictures")
    options = parser.parse_args()
    load_host(options.comfyui, torch.device(options.device))
    from ..builder import load
    from ..control import load as load_control

    drawn, judge, figures, sheets = Drawn(*load()), load_judge(), {}, {}
    if options.only != "controlnet":
        figures["lora"], sheets["lora"] = lora_figures(drawn, judge, options.count)
    if options.only != "lora":
        control = load_control()
        for kind in ("square", "disc"):
            figures[kind], sheets[kind] = control_figures(drawn, judge, control, options.count, kind)
    print(json.dumps(figures, indent=1))
    if options.pictures:
        for name, rows in sheets.items():
            write_sheet(rows, options.pictures / f"{name}.png")


if __name__ == "__main__":
    main()
