"""Whether something grows from one measurement to the next: a slope that outliers do not move, and how sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

BLOCK = 5  # neighbouring measurements are drawn together: what is cached after one is there at the next
DRAWS = 2000
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Growth:
    """A slope per unit of x, and the bounds of its confidence interval."""

    slope: float
    low: float
    high: float

    @property
    def is_within_noise(self) -> bool:
        return self.low <= 0


def growth(x: Sequence[float], y: Sequence[float]) -> Growth:
    """Theil and Sen's slope, the median of the slopes of all pairs, with a moving-block bootstrap of its residuals.

    Memory is not measured with independent errors, which the usual interval of this slope assumes: it stays for a while
    where an allocation has put it. Whole blocks of residuals are therefore drawn.
    """
    places, values = numpy.asarray(x, float), numpy.asarray(y, float)
    first, second = numpy.triu_indices(len(places), 1)
    widths = places[second] - places[first]

    def slope_of(of: numpy.ndarray) -> float:
        return float(numpy.median((of[second] - of[first]) / widths))

    slope = slope_of(values)
    line = slope * places
    residuals = values - line
    chance = numpy.random.default_rng(1)
    blocks = -(-len(places) // BLOCK)
    slopes = []
    for _ in range(DRAWS):
        starts = chance.integers(0, len(places) - BLOCK + 1, blocks)
        drawn = numpy.concatenate([residuals[start : start + BLOCK] for start in starts])[: len(places)]
        slopes.append(slope_of(line + drawn))
    outside = (1 - CONFIDENCE) / 2
    low, high = numpy.quantile(slopes, [outside, 1 - outside])
    return Growth(slope, float(low), float(high))
