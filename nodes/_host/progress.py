"""Progress of sampling from noise levels: the host's own percent, that of ControlNet's and timestep ranges."""

import copy
from collections.abc import Sequence

import torch

_HALVINGS = 24  # 6e-8
_DIGITS = 5  # far below the distance of two of SDXL's 1000 noise levels; 40 of 50 uniform steps are exactly 0.8


def progress_of(model_sampling, sigmas: torch.Tensor) -> tuple[float, ...]:
    """0 at the highest noise of the model, 1 at none. One value per noise level.

    It does not depend on how many steps there are, where sampling starts (denoise) or where it was split.
    """
    # Of a copy: each of the hundreds of questions to tables on a device would wait for it.
    on_cpu = copy.deepcopy(model_sampling).to("cpu")
    return tuple(_percent(on_cpu, sigma) for sigma in sigmas.tolist())


def _percent(model_sampling, sigma: float) -> float:
    """The inverse of ``percent_to_sigma``, which falls monotonically."""
    low, high = 0.0, 1.0
    if sigma <= 0:
        return 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if float(model_sampling.percent_to_sigma(middle)) > sigma * (1 + 1e-6):
            low = middle
        else:
            high = middle
    return round(high, _DIGITS)


def step_at(sigmas: Sequence[float], sigma: float) -> int:
    """The step in which a noise level lies: the last one that starts at it or above.

    Samplers compute their levels with an error of up to 1e-4 (UniPC); two steps are farther apart than ten times that.
    """
    return max((index for index, start in enumerate(sigmas[:-1]) if start >= sigma * (1 - 1e-3)), default=0)
