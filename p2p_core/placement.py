"""Where a word's attention is put: its map shifted, and scaled about its own centre.

A warp of the queries' grid is linear in the map and acts on every column alike, so it commutes with the product with V:
``warp(A) · V = warp(A · V)``. The map itself is never needed.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange, reduce

Grid = tuple[int, int]


@dataclass(frozen=True)
class Placement:
    """A shift in fractions of the picture's width (right) and height (down), and a scale about the map's centre."""

    offset_x: float = 0.0
    offset_y: float = 0.0
    scale: float = 1.0

    @property
    def is_identity(self) -> bool:
        return (self.offset_x, self.offset_y, self.scale) == (0, 0, 1)

    def then(self, other: "Placement") -> "Placement":
        """Both in one: the centre moves along, so shifts add and scales multiply."""
        return Placement(self.offset_x + other.offset_x, self.offset_y + other.offset_y, self.scale * other.scale)


def place(output: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """``warp(output)``: what stood at the centre's side stands there at its new place; zero flows in at the borders.

    Args:
        output: (rows, height·width, channels).
        places: (rows or 1, height, width, 2), from ``places_of``.

    Returns:
        (rows, height·width, channels), bilinear between the grid's places.
    """
    height, width = places.shape[1:3]
    pictures = rearrange(output.float(), "r (h w) c -> r c h w", h=height, w=width)
    read = places.expand(len(pictures), -1, -1, -1)
    return rearrange(F.grid_sample(pictures, read, align_corners=False), "r c h w -> r (h w) c").to(output.dtype)


def places_of(grid: Grid, placement: Placement, centre: torch.Tensor) -> torch.Tensor:
    """Where every place of the grid reads, in fp32: half precision would be off by a good part of a place.

    Args:
        grid: (height, width).
        centre: (rows, 2), x and y of the map's centre in −1…1 over the picture; it only matters where the scale is
            not 1.

    Returns:
        (rows, height, width, 2), x and y in −1…1 over the picture.
    """
    about, rows = centre.float(), len(centre)
    shift = about.new_tensor([2 * placement.offset_x, 2 * placement.offset_y])
    # Output place p shows input place (p − shift − centre) / scale + centre.
    translation = about - (about + shift) / placement.scale
    linear = torch.eye(2, device=about.device).expand(rows, 2, 2) / placement.scale
    affine = torch.cat([linear, translation[:, :, None]], dim=2)
    return F.affine_grid(affine, [rows, 1, *grid], align_corners=False)


def centre_of(word_map: torch.Tensor, grid: Grid) -> torch.Tensor:
    """(rows, height·width) → (rows, 2): x and y of the map's centre of mass, −1…1 over the picture."""
    picture = rearrange(word_map.float(), "r (h w) -> r h w", h=grid[0], w=grid[1])
    return torch.stack(
        [_centre(reduce(picture, "r h w -> r w", "sum")), _centre(reduce(picture, "r h w -> r h", "sum"))], dim=1
    )


def _centre(mass: torch.Tensor) -> torch.Tensor:
    """(rows, places) → (rows,): the mean place, in −1…1."""
    count = mass.shape[1]
    places = (torch.arange(count, device=mass.device, dtype=mass.dtype) * 2 + 1) / count - 1
    return (mass * places).sum(1) / mass.sum(1).clamp(min=torch.finfo(mass.dtype).tiny)
