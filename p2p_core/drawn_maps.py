"""A map that a person drew in place of the one a word had."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from einops import rearrange

from .placement import Grid, Placement, centre_of, place, places_of


@dataclass(frozen=True, eq=False)
class DrawnMask:
    """A drawn picture (height, width) of numbers from 0 to 1, at any size. It is told apart by identity."""

    picture: torch.Tensor

    def on(self, grid: Grid) -> torch.Tensor:
        """(height·width,) float32, every place the mean of what it covers."""
        picture = self.picture[None, None].float()
        resized = F.interpolate(picture, size=grid, mode="bilinear", antialias=True, align_corners=False)
        return rearrange(resized, "1 1 h w -> (h w)")


@dataclass(frozen=True, eq=False)
class PlacedMask:
    """A drawn mask, put elsewhere; on every grid it is made once.

    Attributes:
        mask: as it was drawn.
        placement: where it goes; it is resized about its own centre.
    """

    mask: DrawnMask
    placement: Placement
    _made: dict[tuple, torch.Tensor] = field(default_factory=dict)

    def beside(self, results: torch.Tensor, grid: Grid) -> torch.Tensor:
        """(height·width, 1) on the device and in the dtype of the results that it weighs."""
        key = (grid, results.device, results.dtype)
        if key not in self._made:
            self._made[key] = self.on(grid)[:, None].to(results.device, results.dtype)
        return self._made[key]

    def on(self, grid: Grid) -> torch.Tensor:
        """(height·width,) float32."""
        drawn = self.mask.on(grid)
        if self.placement.is_identity:
            return drawn
        places = places_of(grid, self.placement, centre_of(drawn[None], grid))
        return place(drawn[None, :, None], places)[0, :, 0]
