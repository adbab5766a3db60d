"""The measures of an edit, from what the judge sees and from the pixels.

Pictures are (b, h, w, 3) and masks (b, h, w), both of floats in 0..1. Every measure gives one number per picture, NaN
where it has no meaning.
"""

import itertools
import math
from collections.abc import Sequence

import numpy
import torch
from torch.nn import functional as F

MASK_THRESHOLD = 0.5
REFERENCE_WIDTH = 128
LARGEST_PSNR = 99.0  # of two equal pictures; the true value is infinite
CELL = 8  # pixels of a picture that one cell of its latent stands for, in each direction


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


def moved_part(source: torch.Tensor, target: torch.Tensor, offset: tuple[float, float]) -> torch.Tensor:
    """Return how far the mask's centre went the asked way, as a part of the asked distance; NaN for an empty mask.

    ``offset`` is right and down, in fractions of the width and height. 1 is there, 0 not moved, below 0 the wrong way.
    """
    height, width = source.shape[1:]
    asked = torch.tensor([offset[1] * height, offset[0] * width], dtype=torch.double, device=source.device)
    return (_centroid(target) - _centroid(source)) @ asked / asked.square().sum()


def area_ratio(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the area of the target's mask in parts of the source's; NaN where the source's is empty."""
    before, after = (_binary(mask).sum(dim=(1, 2)).double() for mask in (source, target))
    return torch.where(before > 0, after / before, math.nan)


def background_psnr(
    source: torch.Tensor, target: torch.Tensor, source_mask: torch.Tensor, target_mask: torch.Tensor, margin: int = 0
) -> torch.Tensor:
    """Return the likeness in dB outside both masks, by at least ``margin`` pixels; NaN where nothing is outside."""
    inside = _binary(source_mask) | _binary(target_mask)
    if margin:
        inside = F.max_pool2d(inside.float()[:, None], 2 * margin + 1, stride=1, padding=margin)[:, 0] > 0
    error = (source - target).double().square().mean(dim=3)
    mean = (error * ~inside).sum(dim=(1, 2)) / (~inside).sum(dim=(1, 2))
    return (-10 * torch.log10(mean)).clamp(max=LARGEST_PSNR)


def blended_by_cells(
    source: torch.Tensor, target: torch.Tensor, source_mask: torch.Tensor, target_mask: torch.Tensor
) -> torch.Tensor:
    """Return the target in every cell of 8×8 pixels that one of the masks touches, and the source elsewhere.

    No mask made of whole cells that covers both objects can leave more of the source as it was. The height and width
    are multiples of 8.
    """
    inside = (_binary(source_mask) | _binary(target_mask)).float()[:, None]
    cells = F.interpolate(F.max_pool2d(inside, CELL), scale_factor=CELL, mode="nearest")[:, 0, :, :, None] > 0
    return torch.where(cells, target, source)


def mass_ratio(maps: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the part of a map's mass inside the mask, in parts of the mask's share of the picture.

    1 is a map that does not know the mask. ``maps`` is (b, map height, map width), none negative; it is enlarged to the
    mask's size. NaN where the mask or the map is empty.
    """
    large = F.interpolate(maps.double()[:, None], size=mask.shape[1:], mode="bilinear", align_corners=False)[:, 0]
    inside = _binary(mask).double()
    return (large * inside).sum(dim=(1, 2)) / large.sum(dim=(1, 2)) / inside.mean(dim=(1, 2))


def largest_mass_ratio(mask: torch.Tensor) -> torch.Tensor:
    """Return the ratio of a map that lies wholly inside the mask; NaN where the mask is empty."""
    share = _binary(mask).double().mean(dim=(1, 2))
    return torch.where(share > 0, 1 / share, math.nan)


def without_floor(maps: torch.Tensor) -> torch.Tensor:
    """Return every map less its smallest value, as a heat map shows it."""
    return maps - maps.amin(dim=(1, 2), keepdim=True)


def is_rising(values: Sequence[float]) -> bool:
    """Tell whether every value is larger than the one before."""
    return all(before < after for before, after in itertools.pairwise(values))


def largest_difference(first: torch.Tensor, second: torch.Tensor) -> float:
    """Return the largest difference of any pixel, in steps of 1/255."""
    return float((first - second).abs().max() * 255)


def psnr(first: numpy.ndarray, second: numpy.ndarray) -> float:
    """Return the likeness of two pictures of bytes in dB, at most ``LARGEST_PSNR``."""
    error = float(numpy.square(first.astype(float) - second.astype(float)).mean()) / 255**2
    return min(-10 * math.log10(error), LARGEST_PSNR) if error else LARGEST_PSNR


def mean(values: list[float | None]) -> float | None:
    """Return the mean of the numbers there are; None when there is none."""
    numbers = [value for value in values if value is not None and not math.isnan(value)]
    return sum(numbers) / len(numbers) if numbers else None


def _binary(mask: torch.Tensor) -> torch.Tensor:
    return mask > MASK_THRESHOLD


def centres(masks: torch.Tensor) -> torch.Tensor:
    """Return (b, 2): x and y of the masks' centres in fractions of the picture, NaN for an empty mask."""
    size = torch.tensor(masks.shape[1:], device=masks.device)
    return ((_centroid(masks) + 0.5) / size).flip(1)


def _centroid(mask: torch.Tensor) -> torch.Tensor:
    """Return (b, 2): the mean row and column of the mask's pixels, NaN when it has none."""
    weight = _binary(mask).double()
    area = weight.sum(dim=(1, 2))
    rows = torch.arange(mask.shape[1], device=mask.device).double()
    columns = torch.arange(mask.shape[2], device=mask.device).double()
    row = (weight.sum(dim=2) * rows).sum(dim=1) / area
    column = (weight.sum(dim=1) * columns).sum(dim=1) / area
    return torch.stack([row, column], dim=1)
