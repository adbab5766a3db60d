"""The autoencoder: TAESD's architecture (host: ``comfy/taesd/taesd.py``), trained narrow and widened when it is loaded.

Every layer is a convolution, a ReLU or an identity skip, so padding a narrow network's channels with zeros up to
TAESD's 64 gives exactly the same function in the host's own class.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import nn

LATENT_CHANNELS = 4
# Channels from full to one eighth of the resolution, and back: full-size layers cost most and need fewest.
ENCODER_WIDTHS = (16, 24, 32, 48)
DECODER_WIDTHS = (64, 48, 40, 20)


class Clamp(nn.Module):
    def forward(self, x):
        return torch.tanh(x / 3) * 3


def _conv(n_in: int, n_out: int, **options) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, padding=1, **options)


class Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Sequential(_conv(width, width), nn.ReLU(), _conv(width, width), nn.ReLU(), _conv(width, width))
        self.fuse = nn.ReLU()

    def forward(self, x):
        return self.fuse(self.conv(x) + x)


def encoder(widths: tuple[int, ...] = ENCODER_WIDTHS) -> nn.Sequential:
    """(b, 3, h, w) in 0..1 to (b, 4, h/8, w/8) of about unit variance."""
    layers: list[nn.Module] = [_conv(3, widths[0]), Block(widths[0])]
    for before, width in pairwise(widths):
        layers += [_conv(before, width, stride=2, bias=False), Block(width), Block(width), Block(width)]
    return nn.Sequential(*layers, _conv(widths[-1], LATENT_CHANNELS))


def decoder(widths: tuple[int, ...] = DECODER_WIDTHS) -> nn.Sequential:
    """(b, 4, h, w) to (b, 3, 8h, 8w) in about 0..1."""
    layers: list[nn.Module] = [Clamp(), _conv(LATENT_CHANNELS, widths[0]), nn.ReLU()]
    for before, width in pairwise(widths):
        layers += [Block(before), Block(before), Block(before), nn.Upsample(scale_factor=2)]
        layers += [_conv(before, width, bias=False)]
    return nn.Sequential(*layers, Block(widths[-1]), _conv(widths[-1], 3))


def widened(narrow: Mapping[str, torch.Tensor], wide: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The narrow network's weights in the shapes of the wide one, the rest zero: the same function."""
    result = {}
    for key, value in narrow.items():
        result[key] = torch.zeros(wide[key].shape, dtype=value.dtype)
        result[key][tuple(slice(size) for size in value.shape)] = value
    return result
