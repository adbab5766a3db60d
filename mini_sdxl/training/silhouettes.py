"""Control pictures: where the objects of the training scenes are, white on black, as exactly or roughly as people draw.

Exact silhouettes, boxes and ellipses around them, larger, smaller and soft ones.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from .checkpoint import Progress
from .latents import SHAPES, drawings
from .scenes import Studio

OBJECTS = 2  # at most, in a scene
KINDS = {"exact": 0.25, "box": 0.35, "ellipse": 0.17, "grown": 0.09, "shrunk": 0.09, "none": 0.05}
LARGEST_ERROR = 0.12  # of the object's extent, by which a drawn box or ellipse is off on each side
SOFT = 0.35  # share of the pictures that are blurred


def make(studio: Studio, count: int, path: Path) -> None:
    """Draws the scenes of the latents again and writes their objects' masks, eight pixels to a byte."""
    if path.exists():
        return
    progress, done, packed = Progress("silhouettes", count), 0, {}
    for shape, size in SHAPES.items():
        parts = []
        for scenes, _, masks in drawings(studio, shape, count):
            whole = np.zeros((len(scenes), OBJECTS, *size), bool)
            for row, mask in zip(whole, masks, strict=True):
                row[: len(mask)] = mask
            parts.append(np.packbits(whole, axis=-1))
            done += len(scenes)
            progress.update(done, torch.zeros(()))
        packed[shape] = torch.from_numpy(np.concatenate(parts))
    torch.save(packed, path)


def unpack(packed: torch.Tensor) -> torch.Tensor:
    """(n, objects, h, w/8) bytes to (n, objects, h, w) bool."""
    return torch.from_numpy(np.unpackbits(packed.numpy(), axis=-1)).bool()


def control_pictures(masks: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(n, objects, h, w) bool to (n, 3, h, w) in 0..1, each of a random kind."""
    chosen = torch.multinomial(torch.tensor(list(KINDS.values())), len(masks), True, generator=generator)
    drawn = torch.stack(
        [
            _DRAW[list(KINDS)[kind]](mask, generator).float().amax(0)
            for kind, mask in zip(chosen.tolist(), masks, strict=True)
        ]
    )[:, None]
    softness = torch.rand(len(masks), generator=generator)
    soft = F.avg_pool2d(F.avg_pool2d(drawn, 7, 1, 3, count_include_pad=False), 7, 1, 3, count_include_pad=False)
    return torch.where((softness < SOFT)[:, None, None, None], soft, drawn).expand(-1, 3, -1, -1)


def _around(mask: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Coordinates of all pixels of one object's picture, in units in which a box drawn around it goes from −1 to 1."""
    scaled = []
    for axis, extent in enumerate(mask.shape):
        where = mask.any(1 - axis).nonzero()[:, 0]
        first, last = float(where.min()), float(where.max()) + 1
        errors = (torch.rand(2, generator=generator) * 2 - 1) * LARGEST_ERROR * (last - first)
        first, last = first + float(errors[0]), last + float(errors[1])
        scaled.append((torch.arange(extent) + 0.5 - (first + last) / 2) / ((last - first) / 2))
    return scaled[0][:, None], scaled[1][None]


def _each(draw):
    """For a function that draws around one object: applies it to the objects that are there."""
    return lambda masks, generator: torch.stack([draw(mask, generator) if mask.any() else mask for mask in masks])


def _box(mask: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    y, x = _around(mask, generator)
    return (y.abs() <= 1) & (x.abs() <= 1)


def _ellipse(mask: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    y, x = _around(mask, generator)
    return y**2 + x**2 <= 1.15  # a little more than the ellipse that touches the box: people draw around a thing


def _grown(masks: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    reach = int(torch.randint(2, 7, (), generator=generator))
    return F.max_pool2d(masks[None].float(), 2 * reach + 1, 1, reach)[0]


def _shrunk(masks: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return 1 - _grown(~masks, generator)


_DRAW = {
    "exact": lambda masks, generator: masks,
    "box": _each(_box),
    "ellipse": _each(_ellipse),
    "grown": _grown,
    "shrunk": _shrunk,
    "none": lambda masks, generator: torch.zeros_like(masks),
}
