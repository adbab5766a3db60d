"""Maps refined by self-attention: places that look at each other share what they look at.

``m' = Ā^p · m`` with Ā the averaged self-attention and p about 1 to 4, as in DiffSegmenter (Wang et al. 2023) and
Dataset Diffusion (Nguyen et al. 2023). Averaging flattens a map, the more the larger p is, until no threshold tells
object from ground any more; so the result is stretched to the values that the map had before.
"""

import torch
from einops import rearrange
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from .errors import P2PError


def refined(attention: torch.Tensor, self_map: torch.Tensor | None, times: int) -> torch.Tensor:
    """A map multiplied with the self-attention some times.

    Args:
        attention: (height, width) float32.
        self_map: (h, w, h, w), place by place looked at; its grid may be another one.
        times: the power of the self-attention; 0 returns the map as it is.

    Returns:
        (h, w) float32, the grid of the self-attention; its least and largest values are those of the map.

    Raises:
        P2PError: no self-attention was recorded.
    """
    if times == 0:
        return attention
    if self_map is None:
        raise P2PError(
            "Refining needs self-attention, and none was recorded: turn self_maps on in P2P Attention Store and run "
            "again, or set refine to 0."
        )
    height, width = self_map.shape[:2]
    looks_at = rearrange(self_map.float(), "h w kh kw -> (h w) (kh kw)")
    looks_at = looks_at / looks_at.sum(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    values = rearrange(resized(attention, height, width), "h w -> (h w)")
    for _ in range(times):
        values = looks_at @ values
    return rearrange(_stretched(values, attention), "(h w) -> h w", h=height)


def _stretched(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Values with the least and the largest of another map, unless they are all the same."""
    span = values.max() - values.min()
    if span <= 1e-4 * like.abs().max():
        return values
    return like.min() + (values - values.min()) * ((like.max() - like.min()) / span)


def resized(attention: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """A map (h, w) on another grid: the mean where that is coarser, bilinear where it is finer."""
    h, w = attention.shape
    shrunk = adaptive_avg_pool2d(attention[None, None], (min(h, height), min(w, width)))
    return interpolate(shrunk, size=(height, width), mode="bilinear", align_corners=False)[0, 0]
