"""The measures of an edit, from what the judge sees and from the pixels.

Pictures are (b, h, w, 3) and masks (b, h, w), both of floats in 0..1. Every measure gives one number per picture, NaN
where it has no meaning.
"""

import math

import torch

MASK_THRESHOLD = 0.5
REFERENCE_WIDTH = 128
LARGEST_PSNR = 99.0  # of two equal pictures; the true value is infinite


def found(probability: torch.Tensor, wanted: int) -> torch.Tensor:
    """Return 1 where the judge sees the wanted class, else 0. ``probability`` is (b, classes)."""
    return (probability.argmax(dim=1) == wanted).double()


def mask_iou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the overlap of two masks: intersection over union, 0 where nothing is seen in either."""
    first, second = _binary(first), _binary(second)
    union = (first | second).sum(dim=(1, 2))
    return (first & second).sum(dim=(1, 2)) / union.clamp(min=1).double()


def centroid_distance(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the distance of the masks' centres in pixels of a picture 128 wide; NaN where a mask is empty."""
    scale = REFERENCE_WIDTH / first.shape[2]
    return (_centroid(first) - _centroid(second)).norm(dim=1) * scale


def background_psnr(
    source: torch.Tensor, target: torch.Tensor, source_mask: torch.Tensor, target_mask: torch.Tensor
) -> torch.Tensor:
    """Return the likeness in dB outside both masks; NaN where nothing is outside."""
    outside = ~(_binary(source_mask) | _binary(target_mask))
    error = (source - target).double().square().mean(dim=3)
    mean = (error * outside).sum(dim=(1, 2)) / outside.sum(dim=(1, 2))
    return (-10 * torch.log10(mean)).clamp(max=LARGEST_PSNR)


def largest_difference(first: torch.Tensor, second: torch.Tensor) -> float:
    """Return the largest difference of any pixel, in steps of 1/255."""
    return float((first - second).abs().max() * 255)


def mean(values: list[float | None]) -> float | None:
    """Return the mean of the numbers there are; None when there is none."""
    numbers = [value for value in values if value is not None and not math.isnan(value)]
    return sum(numbers) / len(numbers) if numbers else None


def _binary(mask: torch.Tensor) -> torch.Tensor:
    return mask > MASK_THRESHOLD


def _centroid(mask: torch.Tensor) -> torch.Tensor:
    """Return (b, 2): the mean row and column of the mask's pixels, NaN when it has none."""
    weight = _binary(mask).double()
    area = weight.sum(dim=(1, 2))
    rows = torch.arange(mask.shape[1], device=mask.device).double()
    columns = torch.arange(mask.shape[2], device=mask.device).double()
    row = (weight.sum(dim=2) * rows).sum(dim=1) / area
    column = (weight.sum(dim=1) * columns).sum(dim=1) / area
    return torch.stack([row, column], dim=1)
