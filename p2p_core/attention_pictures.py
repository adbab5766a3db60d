"""Attention maps as pictures: heat maps in perceptual colours, several words in several hues, and masks.

Pictures are (height, width, 3) and maps (grid height, grid width), both float32; nothing here knows batches or words.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from einops import einsum

from .attention_refinement import resized

# Nine stops of matplotlib's viridis (Smith and van der Walt 2015): lightness rises evenly, also for colour-blind eyes.
_VIRIDIS = (
    (68, 1, 84), (71, 45, 123), (59, 82, 139), (44, 114, 142), (33, 145, 140),
    (40, 174, 128), (94, 201, 98), (173, 220, 48), (253, 231, 37),
)  # fmt: skip
_LUMINANCE = (0.2126, 0.7152, 0.0722)  # Rec. 709
_HUE_SHARPNESS = 6  # where several words share a place, the strongest gives the colour
_DIMMED = 0.7  # of the light of a picture, where it is to carry hues


def heat_colours(values: torch.Tensor) -> torch.Tensor:
    """Colours (…, 3) in 0..1 of values (…); below 0 and above 1 they are those of 0 and 1."""
    stops = np.asarray(_VIRIDIS) / 255
    places = np.linspace(0, 1, len(stops))
    channels = [np.interp(values.cpu().numpy(), places, channel) for channel in stops.T]
    return torch.from_numpy(np.stack(channels, axis=-1)).float()


def hues(count: int) -> torch.Tensor:
    """Colours (count, 3) in 0..1 that are equally light and strong and as far apart as they can be (OKLCH)."""
    angles = math.radians(30) + 2 * math.pi * torch.arange(count) / max(count, 1)
    return _oklab_to_srgb(lightness=0.75, a=0.14 * angles.cos(), b=0.14 * angles.sin())


def heat_map(picture: torch.Tensor, attention: torch.Tensor, full: float, opacity: float) -> torch.Tensor:
    """A picture under the heat map of one word.

    Args:
        picture: (height, width, 3) in 0..1.
        attention: (grid height, grid width).
        full: the value that gets the lightest colour.
        opacity: 0 the picture alone, 1 the heat map alone.
    """
    heat = heat_colours(shares(attention, full, *picture.shape[:2]))
    return torch.lerp(_paled(picture, opacity), heat, opacity)


def hue_map(
    picture: torch.Tensor,
    attentions: Sequence[torch.Tensor],
    fulls: Sequence[float],
    colours: torch.Tensor,
    opacity: float,
) -> torch.Tensor:
    """A picture under the maps of several words, each in its colour; where no word looks it is grey and dim.

    Args:
        picture: (height, width, 3) in 0..1.
        attentions: a map per word, (grid height, grid width).
        fulls: per word, the value at which its colour is strongest.
        colours: (words, 3).
        opacity: of the strongest colour.
    """
    grey = _paled(picture, opacity) * (1 - _DIMMED * opacity)
    if not attentions:
        return grey
    strengths = [shares(map_, full, *picture.shape[:2]) for map_, full in zip(attentions, fulls, strict=True)]
    strength = torch.stack(strengths)
    weights = strength**_HUE_SHARPNESS
    weights = weights / weights.sum(dim=0).clamp(min=torch.finfo(torch.float32).tiny)
    mixed = einsum(weights, colours, "n h w, n c -> h w c")
    return torch.lerp(grey, mixed, opacity * strength.amax(dim=0)[..., None])


def mask_of(attention: torch.Tensor, threshold: float, height: int, width: int) -> torch.Tensor:
    """Where a word is looked at: (height, width), 1 where its map reaches a part of its largest value, else 0.

    A map that is nowhere above 0 gives an empty mask.
    """
    fine = resized(attention.nan_to_num(), height, width)
    largest = fine.max()
    return ((fine >= threshold * largest) & (largest > 0)).float()


def shares(attention: torch.Tensor, full: float, height: int, width: int) -> torch.Tensor:
    """A map at the size of a picture as parts of ``full``, kept in 0..1."""
    fine = resized(attention.nan_to_num(), height, width)
    return (fine / full).clamp(0, 1) if full > 0 else torch.zeros_like(fine)


def _paled(picture: torch.Tensor, amount: float) -> torch.Tensor:
    """The picture with less colour, so that what colour is left means attention."""
    grey = einsum(picture, torch.tensor(_LUMINANCE), "h w c, c -> h w")
    return torch.lerp(picture, grey[..., None].expand_as(picture), amount)


def _oklab_to_srgb(lightness: float, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Björn Ottosson's OKLab (2020) to sRGB, (…, 3), cut to 0..1."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    to_linear = torch.tensor(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = (torch.stack([long, medium, short], dim=-1) @ to_linear.T).clamp(0, 1)
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-9) ** (1 / 2.4) - 0.055)
