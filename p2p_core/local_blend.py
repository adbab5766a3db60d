"""Local blend: the target may differ from its source only where chosen words are (Hertz et al. 2022, section 4).

The mask of a word is its attention, dilated by one place of the grid, brought to the latent's size, and cut at a
threshold. Source and target masks are joined, the words that must not change are taken out (published with null-text
inversion as ``substruct_words``), and a mask drawn by the user is joined, intersected or used instead.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange, reduce

from .errors import P2PError

Positions = tuple[int, ...]
Rule = Literal["max", "quantile"]
MaskMode = Literal["union", "intersection", "instead"]
Grids = Literal["coarse", "medium", "all"]
CHANGE, KEEP = 0, 1  # the two maps of each row: words that may change, words that must not


@dataclass(frozen=True, eq=False)
class LocalBlend:
    """Where one target may differ.

    Attributes:
        source, target: token positions of the words that may change, in either prompt.
        keep_source, keep_target: those of the words that must not.
        words: the words that may change as a person would say them, for messages.
        threshold: "max": the part of a map's largest value, "quantile": the part of the picture that stays as it is.
        rule: which of the two.
        start: the progress from which on the latents are blended; maps are summed from the first step on.
        grids: the largest grids whose maps are used.
        mask: (masks, height, width) in 0…1, drawn by the user; None for words only.
        mask_mode: how the user's mask meets that of the words.

    Raises:
        P2PError: a threshold outside 0–1, or neither words nor a mask.
    """

    source: Positions
    target: Positions
    keep_source: Positions = ()
    keep_target: Positions = ()
    words: str = ""
    threshold: float = 0.3
    rule: Rule = "max"
    start: float = 0.2
    grids: Grids = "coarse"
    mask: torch.Tensor | None = None
    mask_mode: MaskMode = "union"

    def __post_init__(self) -> None:
        for name, value in (("threshold", self.threshold), ("start", self.start)):
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise P2PError(f"The {name} of the local blend is {value}: use 0 to 1.")
        if self.mask is None and not (self.source or self.target):
            raise P2PError("The local blend has neither words that may change nor a mask: give one of them.")

    @property
    def needs_maps(self) -> bool:
        return self.mask is None or self.mask_mode != "instead"


def blend_mask(source: torch.Tensor, target: torch.Tensor, blend: LocalBlend, size: tuple[int, int]) -> torch.Tensor:
    """Where a target may differ from its source.

    Args:
        source, target: (groups, 2, height, width): the maps of the words that may change (``CHANGE``) and of those that
            must not (``KEEP``), mean or sum over layers, heads and the steps so far.
        size: (height, width) of the latents.

    Returns:
        (groups, 1, *size) bool.
    """
    change = _region(_dilated(source[:, [CHANGE]]), blend, size) | _region(_dilated(target[:, [CHANGE]]), blend, size)
    keep = _region(source[:, [KEEP]], blend, size) | _region(target[:, [KEEP]], blend, size)
    words = change & ~keep
    return words if blend.mask is None else _with_user_mask(words, blend, size)


def user_mask(blend: LocalBlend, groups: int, device: torch.device, size: tuple[int, int]) -> torch.Tensor:
    """(groups, 1, *size) bool: the drawn mask alone. One mask serves all groups; several are used in turn."""
    assert blend.mask is not None
    drawn = F.interpolate(blend.mask[:, None].to(device, torch.float32), size=size, mode="bilinear", antialias=True)
    return drawn[torch.arange(groups, device=device) % len(drawn)] > 0.5


def blended(latents: torch.Tensor, masks: torch.Tensor, rows: int, sources: torch.Tensor | None = None) -> torch.Tensor:
    """The latents with every target equal to its source outside its mask.

    Args:
        latents: (groups·rows, channels, height, width), each group ``[source, targets …]``; ``[targets …]`` where the
            sources are given.
        masks: (groups, targets, 1, height, width) bool.
        sources: (groups, channels, height, width), of targets whose sources were recorded.
    """
    groups = rearrange(latents, "(g r) c h w -> g r c h w", r=rows)
    if sources is not None:
        return rearrange(torch.where(masks, groups, sources[:, None]), "g r c h w -> (g r) c h w")
    # torch.where, not source + mask·(target − source), which rounds where the mask is 1.
    targets = torch.where(masks, groups[:, 1:], groups[:, :1])
    return rearrange(torch.cat([groups[:, :1], targets], dim=1), "g r c h w -> (g r) c h w")


def _dilated(maps: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(maps, 3, stride=1, padding=1)


def _region(maps: torch.Tensor, blend: LocalBlend, size: tuple[int, int]) -> torch.Tensor:
    """(groups, 1, height, width) maps → (groups, 1, *size) bool; a map of zeros has no place."""
    picture = F.interpolate(maps.float(), size=size)
    if blend.rule == "max":
        limit = blend.threshold * reduce(picture, "g 1 h w -> g 1 1 1", "max")
    else:
        limit = torch.quantile(rearrange(picture, "g 1 h w -> g (h w)"), blend.threshold, dim=1)[:, None, None, None]
    # The highest places may be many alike: more than the quantile would be none of them.
    chosen = picture > limit if blend.rule == "max" else picture >= limit
    return chosen & (picture > 0)


def _with_user_mask(words: torch.Tensor, blend: LocalBlend, size: tuple[int, int]) -> torch.Tensor:
    drawn = user_mask(blend, len(words), words.device, size)
    if blend.mask_mode == "instead":
        return drawn
    return words | drawn if blend.mask_mode == "union" else words & drawn
