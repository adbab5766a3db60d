"""The referee: a small network that says what a picture of the embedded model shows, trained on rendered scenes only.

It labels every pixel (which object, which colour) and the whole picture (which background), so it also answers for
pictures of two objects. Its accuracy on scenes it never saw is in ``README.md`` here.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from einops import rearrange
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from .vocabulary import BACKGROUNDS, COLOURS, OBJECTS

WEIGHTS = Path(__file__).resolve().parent / "weights" / "judge.safetensors"
OBJECT_CLASSES = 1 + len(OBJECTS)  # 0: no object
COLOUR_CLASSES = 1 + len(COLOURS)  # 0: the object's natural colours


@dataclass(frozen=True)
class Verdict:
    """What is seen in b pictures of h × w pixels.

    Attributes:
        object_probability: (b, objects), shares of the objects' pixels.
        colour_probability: (b, colours), within the objects' pixels; the rest to 1 is "natural colours".
        background_probability: (b, backgrounds).
        mask: (b, h, w) in 0..1, probability that a pixel belongs to an object.
        object_masks: (b, objects, h, w), the same for each object.
    """

    object_probability: torch.Tensor
    colour_probability: torch.Tensor
    background_probability: torch.Tensor
    mask: torch.Tensor
    object_masks: torch.Tensor


def _block(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False), nn.GroupNorm(8, n_out), nn.ReLU(inplace=True)
    )


class Network(nn.Module):
    """A U-shaped network: (b, 3, h, w) in 0..1 to pixel labels at half the resolution and picture labels."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96)):
        super().__init__()
        before = (3, *widths[:-1])
        self.down = nn.ModuleList(
            nn.Sequential(_block(a, b, stride=2), _block(b, b)) for a, b in zip(before, widths, strict=True)
        )
        self.deep = nn.Sequential(_block(widths[-1], widths[-1]), _block(widths[-1], widths[-1]))
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(_block(low + skip, skip) for low, skip in pairs)
        self.pixels = nn.Conv2d(widths[0], OBJECT_CLASSES + COLOUR_CLASSES, 1)
        self.picture = nn.Linear(2 * widths[-1], len(BACKGROUNDS))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits: objects (b, 1+objects, h/2, w/2), colours (b, 1+colours, h/2, w/2), backgrounds (b, n)."""
        x = x * 2 - 1
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        x = self.deep(x)
        background = self.picture(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
        for stage, skip in zip(self.up, skips[-2::-1], strict=True):
            x = stage(torch.cat([F.interpolate(x, size=skip.shape[-2:], mode="nearest"), skip], 1))
        pixels = self.pixels(x)
        return pixels[:, :OBJECT_CLASSES], pixels[:, OBJECT_CLASSES:], background


class Judge:
    def __init__(self, network: Network):
        self.network = network.eval()

    @torch.no_grad()
    def __call__(self, images: torch.Tensor) -> Verdict:
        """What ``images`` (b, h, w, 3) in 0..1 show; height and width are multiples of 16."""
        device = next(self.network.parameters()).device
        x = rearrange(images, "b h w c -> b c h w").to(device, torch.float32)
        objects, colours, backgrounds = self.network(x)
        objects = F.interpolate(objects, size=x.shape[-2:], mode="bilinear", align_corners=False).softmax(1)
        colours = F.interpolate(colours, size=x.shape[-2:], mode="bilinear", align_corners=False).softmax(1)
        mask = 1 - objects[:, 0]
        total = mask.sum((1, 2))[:, None].clamp(min=1e-6)
        return Verdict(
            object_probability=objects[:, 1:].sum((2, 3)) / total,
            colour_probability=(colours * mask[:, None]).sum((2, 3))[:, 1:] / total,
            background_probability=backgrounds.softmax(1),
            mask=mask,
            object_masks=objects[:, 1:],
        )


def load_judge(weights: Path = WEIGHTS, device: torch.device | str = "cpu") -> Judge:
    network = Network()
    network.load_state_dict({key: value.float() for key, value in load_file(weights).items()})
    return Judge(network.to(device))
