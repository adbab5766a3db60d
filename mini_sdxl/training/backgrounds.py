"""Full-frame procedural backgrounds of the training scenes: soft textures that a small decoder can draw."""

import numpy as np
from scipy.ndimage import gaussian_filter


def _smooth_noise(rng: np.random.Generator, size: int, blur: tuple[float, float]) -> np.ndarray:
    """(size, size) noise of mean 0 and deviation 1; ``blur`` is (vertical, horizontal) in pixels. Wraps around."""
    noise = gaussian_filter(rng.standard_normal((size, size)), blur, mode="wrap")
    return (noise - noise.mean()) / noise.std()


def _paint(base: tuple, *layers: tuple[np.ndarray, tuple]) -> np.ndarray:
    """(h, w, 3) in 0..1: a base colour plus weighted colour layers."""
    image = np.broadcast_to(np.float32(base), (*layers[0][0].shape, 3)).copy()
    for weight, colour in layers:
        image += weight[..., None].astype(np.float32) * np.float32(colour)
    return image.clip(0, 1)


def grass(rng: np.random.Generator, size: int) -> np.ndarray:
    blades = _smooth_noise(rng, size, (6, 1.7))
    meadow = _smooth_noise(rng, size, (24, 24))
    return _paint((0.50, 0.76, 0.33), (blades, (0.045, 0.05, 0.03)), (meadow, (0.03, 0.03, 0.02)))


def sand(rng: np.random.Generator, size: int) -> np.ndarray:
    ripples = np.tanh(2 * _smooth_noise(rng, size, (3, 14)))
    dunes = _smooth_noise(rng, size, (30, 40))
    return _paint((0.93, 0.82, 0.60), (ripples, (0.022, 0.028, 0.035)), (dunes, (0.02, 0.02, 0.025)))


def snow(rng: np.random.Generator, size: int) -> np.ndarray:
    drifts = _smooth_noise(rng, size, (9, 16))
    return _paint((0.93, 0.96, 0.99), (drifts, (0.035, 0.025, 0.012)))


def water(rng: np.random.Generator, size: int) -> np.ndarray:
    crests = np.exp(-3 * _smooth_noise(rng, size, (3.5, 10)) ** 2)
    depth = _smooth_noise(rng, size, (24, 40))
    return _paint((0.20, 0.62, 0.78), (crests, (0.26, 0.17, 0.11)), (depth, (0.02, 0.03, 0.03)))


def wood(rng: np.random.Generator, size: int) -> np.ndarray:
    grain = _smooth_noise(rng, size, (1.4, 30))
    rows = np.arange(size)[:, None] + np.zeros((1, size))
    gaps = np.exp(-(((rows + rng.integers(32)) % 32 - 16) ** 2) / 2.0)
    return _paint((0.68, 0.47, 0.29), (grain, (0.035, 0.03, 0.022)), (gaps, (-0.26, -0.20, -0.13)))


def night(rng: np.random.Generator, size: int) -> np.ndarray:
    haze = _smooth_noise(rng, size, (30, 40))
    points = np.zeros((size, size))
    count = size * size // 900
    points[rng.integers(size, size=count), rng.integers(size, size=count)] = rng.uniform(3, 12, count)
    stars = gaussian_filter(points, 0.9, mode="wrap").clip(0, 1)
    return _paint((0.06, 0.07, 0.20), (haze, (0.02, 0.02, 0.05)), (stars, (0.9, 0.9, 0.75)))


PAINTERS = {"grass": grass, "sand": sand, "snow": snow, "water": water, "wood": wood, "night": night}
