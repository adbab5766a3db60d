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


def place(output: torch.Tensor, grid: Grid, placement: Placement, centre: torch.Tensor | None) -> torch.Tensor:
    """``warp(output)``: what stood at the centre's side stands there at its new place; zero flows in at the borders.

    Args:
        output: (rows, height·width, channels).
        grid: (height, width).
        centre: (rows, 2), x and y of the map's centre in −1…1 over the picture; only needed where the scale is not 1.

    Returns:
        (rows, height·width, channels), bilinear between the grid's places.
    """
    # Half precision would round the coordinates too: in bfloat16 by a good part of a place on the finer grids.
    pictures = rearrange(output.float(), "r (h w) c -> r c h w", h=grid[0], w=grid[1])
    shift = pictures.new_tensor([2 * placement.offset_x, 2 * placement.offset_y]).expand(len(pictures), 2)
    about = torch.zeros_like(shift) if centre is None else centre.to(shift)
    # Output place p shows input place (p − shift − centre) / scale + centre.
    translation = about - (about + shift) / placement.scale
    linear = torch.eye(2, dtype=shift.dtype, device=shift.device).expand(len(pictures), 2, 2) / placement.scale
    affine = torch.cat([linear, translation[:, :, None]], dim=2)
    places = F.affine_grid(affine, list(pictures.shape), align_corners=False)
    return rearrange(F.grid_sample(pictures, places, align_corners=False), "r c h w -> r (h w) c").to(output.dtype)


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
