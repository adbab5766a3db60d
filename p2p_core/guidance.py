"""What attention guidance is asked for, and how far a latent is moved along a gradient."""

import math
from dataclasses import dataclass
from typing import Literal

import torch

from .attention_objectives import Objective
from .windows import Window

Grids = Literal["coarse", "medium", "all"]
LARGEST_CHANGE = 0.1  # of a latent's standard deviation, by one update at scale 1
_NEGLIGIBLE = 1e-4  # a loss that is not worth a change


@dataclass(frozen=True, eq=False)
class Guidance:
    """What a user wants of the attention of some words.

    Attributes:
        words: phrases of the prompt.
        objective: what they are to do.
        scale: how strongly; 0 is off.
        window: when, in progress.
        iterations: updates per step.
        grids: the largest query grids that count.
    """

    words: tuple[str, ...]
    objective: Objective
    scale: float
    window: Window
    iterations: int
    grids: Grids

    def acts_at(self, progress: float) -> bool:
        return self.scale != 0 and self.window.contains(progress)


def change(
    gradient: torch.Tensor, losses: torch.Tensor, scale: float, sigma: torch.Tensor, progress: float
) -> torch.Tensor:
    """What is to be added to latents: per row ``-scale · s(t) · min(L / ‖g‖², limit / rms(g)) · g``.

    Attend-and-Excite (Chefer et al. 2023, section 3.3) takes ``-α · s(t) · g`` with α = 20 for one model at one size
    and ``s(t) = sqrt(1 - t / 2)``, t the progress. Here α is Polyak's step length (Polyak 1987, section 5.3.2), with
    which the loss would become 0 if it were linear in the latents: it does not depend on how many latents there are, on
    what the model calls their noise level, or on how flat its attention is. Where the attention hardly reacts that
    would be far, so no update changes a row by more than ``LARGEST_CHANGE`` of its standard deviation (root mean
    square).

    Args:
        gradient: (rows, channels, height, width) of the sum of the losses.
        losses: (rows,).
        sigma: (rows,), the noise level: the latents' variance is ``sigma² + 1``.
        progress: of sampling, 0 to 1.

    Returns:
        (rows, channels, height, width) float32; 0 where nothing is missing or a gradient is not finite.
    """
    gradient = gradient.float()
    losses = losses.to(gradient)
    squares = gradient.flatten(1).square().sum(1)
    is_useful = gradient.flatten(1).isfinite().all(1) & (squares > 0) & (losses > _NEGLIGIBLE)
    squares = torch.where(is_useful, squares, 1)
    count = gradient[0].numel()
    farthest = LARGEST_CHANGE * (sigma.float().square() + 1).sqrt() / (squares / count).sqrt()
    length = scale * math.sqrt(1 - progress / 2) * torch.minimum(losses / squares, farthest)
    by_row = torch.where(is_useful, -length, 0).view(-1, *(1,) * (gradient.ndim - 1))
    return by_row * torch.where(is_useful.view_as(by_row), gradient, 0)
