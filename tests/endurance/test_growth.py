"""The judge of memory: quiet where nothing grows, however it jumps about, and sure of small leaks."""

import numpy
import pytest

from .growth import growth

EDITS = range(100, 501, 5)
MEMORY = 700 * 1024.0  # KiB


def noise(seed: int) -> numpy.ndarray:
    """KiB: independent jumps, and a slow wandering about a mean as fragments of the heap make it."""
    chance = numpy.random.default_rng(seed)
    slow = numpy.zeros(len(EDITS))
    for place in range(1, len(slow)):
        slow[place] = 0.6 * slow[place - 1] + chance.normal(0, 300)
    return slow + chance.normal(0, 300, len(slow))


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_not_growth(seed):
    assert growth(EDITS, MEMORY + noise(seed)).is_within_noise


@pytest.mark.parametrize("seed", range(8))
def test_a_leak_of_ten_kibibytes_an_edit_is_seen(seed):
    """Less than the latents of one edit take."""
    found = growth(EDITS, MEMORY + noise(seed) + 10 * numpy.arange(len(EDITS)) * 5)
    assert not found.is_within_noise
    assert found.low < 10 < found.high


def test_one_jump_is_no_slope():
    """Loading the code of a sampler once, say."""
    values = MEMORY + noise(1)
    values[3:] += 5000
    assert growth(EDITS, values).is_within_noise
