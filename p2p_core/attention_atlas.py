"""Many maps in one grey picture of 8 bits, which a browser colours by itself: a tile per word, picture and step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange

from .attention_refinement import resized

Size = tuple[int, int]  # height, width


@dataclass(frozen=True, eq=False)
class Atlas:
    """Tiles of one size, line by line.

    Attributes:
        pixels: (height, width) uint8.
        tile: the size of a tile.
        across: tiles in a line: tile ``n`` is in line ``n // across``, at place ``n % across``.
        largest: per tile the value that 255 stands for.
    """

    pixels: torch.Tensor
    tile: Size
    across: int
    largest: tuple[float, ...]


def atlas(maps: Sequence[torch.Tensor | None], most_pixels: int) -> Atlas:
    """Maps (height, width) in the order of their tiles; those of another grid than the largest are brought to it.

    The maps of a latent share its shape, so a tile has the shape of the picture. Where all tiles together have more
    pixels than allowed they are made smaller. A place that is None stays black.
    """
    height, width = tile_size(maps)
    scale = min(math.sqrt(most_pixels / max(height * width * len(maps), 1)), 1)
    height, width = max(int(height * scale), 1), max(int(width * scale), 1)
    # About square, for no browser takes a picture of any length.
    across = max(math.ceil(math.sqrt(len(maps) * height / width)), 1)
    lines = max(math.ceil(len(maps) / across), 1)
    tiles = torch.zeros(lines * across, height, width, dtype=torch.uint8)
    largest = []
    for tile, map_ in zip(tiles[: len(maps)], maps, strict=True):
        values = torch.zeros(1, 1) if map_ is None else map_.float().nan_to_num()
        largest.append(max(float(values.max()), 0.0))
        if largest[-1] > 0:
            tile.copy_((resized(values / largest[-1], height, width).clamp(0, 1) * 255).round())
    pixels = rearrange(tiles, "(lines across) h w -> (lines h) (across w)", across=across)
    return Atlas(pixels, (height, width), across, tuple(largest))


def tile_size(maps: Sequence[torch.Tensor | None]) -> Size:
    there = [map_.shape for map_ in maps if map_ is not None]
    return max((shape[0] for shape in there), default=1), max((shape[1] for shape in there), default=1)


def spread(count: int, most: int) -> tuple[int, ...]:
    """At most so many of the numbers 0 … count − 1, as evenly as can be, the first and the last among them."""
    if count <= most:
        return tuple(range(count))
    if most < 2:
        return (count // 2,) * most
    return tuple(round(place * (count - 1) / (most - 1)) for place in range(most))
