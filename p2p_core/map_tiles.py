"""Maps as small grey tiles, for showing many of them quickly."""

import math

import torch
import torch.nn.functional as F

from .placement import Grid

LARGEST_SIDE, MOST_TILES = 64, 32
_MOST_BYTES = 1 << 16  # of all tiles together


def tile_size(grid: Grid, tiles: int) -> Grid:
    """The size of each tile: that of the maps, or smaller with the same shape where it would be too much to send."""
    height, width = grid
    largest = LARGEST_SIDE / max(height, width)
    in_all = math.sqrt(_MOST_BYTES / (max(tiles, 1) * height * width))
    factor = min(1.0, largest, in_all)
    return max(int(height * factor), 1), max(int(width * factor), 1)


def tiles_of(maps: torch.Tensor, size: Grid) -> torch.Tensor:
    """(tiles, *size) uint8 on the device of the maps, each with its largest value as 255.

    Args:
        maps: (tiles, grid height, grid width).
    """
    if tuple(maps.shape[-2:]) != tuple(size):
        maps = F.interpolate(maps[None].float(), size=size, mode="area")[0]
    largest = maps.amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    return (maps / largest).clamp(0, 1).mul(255).round().to(torch.uint8)
