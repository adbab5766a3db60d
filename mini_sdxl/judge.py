"""The referee: a small network that says what a picture of the embedded model shows, trained on rendered scenes only.

It labels every pixel (which object, which colour) and the whole picture (which background), so it also answers for
pictures of two objects. Its accuracy on scenes it never saw is in ``README.md`` here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from einops import rearrange
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from .vocabulary import BACKGROUNDS, COLOURS, OBJECTS

WEIGHTS = Path(__file__).resolve().parent / "weights" / "judge.safetensors"
COLOUR_CLASSES = 1 + len(COLOURS)  # 0: the object's natural colours


@dataclass(frozen=True)
class Verdict:
    """What is seen in b pictures of h × w pixels.

    Attributes:
        object_probability: (b, objects), sums to 1; two objects in a picture share it.
        colour_probability: (b, colours), within the objects' pixels; the rest to 1 is "natural colours".
        background_probability: (b, backgrounds).
        mask: (b, h, w) in 0..1, probability that a pixel belongs to an object.
        object_masks: (b, objects, h, w), the same for each object.
        object_colours: (b, objects, 1 + colours), the colours within each object's pixels, natural ones first.
    """

    object_probability: torch.Tensor
    colour_probability: torch.Tensor
    background_probability: torch.Tensor
    mask: torch.Tensor
    object_masks: torch.Tensor
    object_colours: torch.Tensor


def _block(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False), nn.GroupNorm(8, n_out), nn.ReLU(inplace=True)
    )


class Labels(NamedTuple):
    """Logits. Per pixel at half the resolution: inside an object (b, h/2, w/2), which one (b, objects, h/2, w/2), its
    colour (b, 1+colours, h/2, w/2). Per picture: background (b, n), which objects are there (b, objects)."""

    inside: torch.Tensor
    objects: torch.Tensor
    colours: torch.Tensor
    background: torch.Tensor
    present: torch.Tensor


class Network(nn.Module):
    """A U-shaped network: (b, 3, h, w) in 0..1 to ``Labels``."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 128)):
        super().__init__()
        before = (3, *widths[:-1])
        self.down = nn.ModuleList(
            nn.Sequential(_block(a, b, stride=2), _block(b, b)) for a, b in zip(before, widths, strict=True)
        )
        self.deep = nn.Sequential(_block(widths[-1], widths[-1]), _block(widths[-1], widths[-1]))
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(_block(low + skip, skip) for low, skip in pairs)
        self.pixels = nn.Conv2d(widths[0], 1 + len(OBJECTS) + COLOUR_CLASSES, 1)
        self.picture = nn.Linear(2 * widths[-1], len(BACKGROUNDS) + len(OBJECTS))

    def forward(self, x: torch.Tensor) -> Labels:
        x = x * 2 - 1
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        x = self.deep(x)
        picture = self.picture(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
        for stage, skip in zip(self.up, skips[-2::-1], strict=True):
            x = stage(torch.cat([F.interpolate(x, size=skip.shape[-2:], mode="nearest"), skip], 1))
        inside, objects, colours = self.pixels(x).split([1, len(OBJECTS), COLOUR_CLASSES], 1)
        background, present = picture.split([len(BACKGROUNDS), len(OBJECTS)], 1)
        return Labels(inside[:, 0], objects, colours, background, present)


class Judge:
    def __init__(self, network: Network):
        self.network = network.eval()

    @torch.no_grad()
    def __call__(self, images: torch.Tensor) -> Verdict:
        """What ``images`` (b, h, w, 3) in 0..1 show; height and width are multiples of 16."""
        device = next(self.network.parameters()).device
        x = rearrange(images, "b h w c -> b c h w").to(device, torch.float32)
        labels = self.network(x)
        mask = _enlarged(labels.inside[:, None], x).sigmoid()
        colours = _enlarged(labels.colours, x).softmax(1)
        objects = mask * _enlarged(labels.objects, x).softmax(1)
        total, areas = mask.sum((2, 3)).clamp(min=1e-6), objects.sum((2, 3)).clamp(min=1e-6)
        return Verdict(
            object_probability=labels.present.softmax(1),
            colour_probability=(colours * mask).sum((2, 3))[:, 1:] / total,
            background_probability=labels.background.softmax(1),
            mask=mask[:, 0],
            object_masks=objects,
            object_colours=torch.einsum("bohw,bchw->boc", objects, colours) / areas[..., None],
        )


def _enlarged(logits: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    return F.interpolate(logits, size=picture.shape[-2:], mode="bilinear", align_corners=False)


def load_judge(weights: Path = WEIGHTS, device: torch.device | str = "cpu") -> Judge:
    network = Network()
    network.load_state_dict({key: value.float() for key, value in load_file(weights).items()})
    return Judge(network.to(device))
