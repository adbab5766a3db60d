"""The memory that explicit maps take, for models and sizes where they do not fit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from comfy.ldm.modules.attention import BasicTransformerBlock
from comfy.ldm.modules.diffusionmodules.openaimodel import Downsample

LARGEST_STORED = 32**2  # queries of a layer whose maps the published code keeps
_PLACES = {"input": "down", "middle": "mid", "output": "up"}  # the host's names of the blocks, and diffusers'
_CONDITIONS = 2  # positive and negative go through the network together
_LIVE = 2  # scores and their softmax are alive at once


@dataclass(frozen=True)
class Site:
    """An attention layer of a network at one size of the picture."""

    place: str
    heads: int
    queries: int
    tokens: int

    def map_bytes(self, rows: int, dtype: torch.dtype) -> int:
        """Of one map of every head and row."""
        return rows * self.heads * self.queries * self.tokens * dtype.itemsize


def place_of(block: str, is_cross: bool) -> str:
    """Under which name the published store keeps the maps of the host's block."""
    return f"{_PLACES[block]}_{'cross' if is_cross else 'self'}"


def sites_of(network, height: int, width: int, prompt_tokens: int) -> tuple[Site, ...]:
    """Self- and cross-attention layers of the host's network, in the order in which they run.

    Args:
        height, width: of the latent.
    """
    sites: list[Site] = []
    sizes = [(height, width)]
    for block, parts in (("input", network.input_blocks), ("middle", [network.middle_block])):
        for part in parts:
            size = sizes[-1]
            if any(isinstance(module, Downsample) for module in part.modules()):
                size = tuple((length + 1) // 2 for length in size)
            sizes.append(size)
            sites += _sites_at(block, part, size, prompt_tokens)
    sizes = sizes[1:-1]  # of every input block, to which the output blocks come back
    for part in network.output_blocks:
        sites += _sites_at("output", part, sizes.pop(), prompt_tokens)
    return tuple(sites)


def _sites_at(block: str, part, size: tuple[int, int], prompt_tokens: int) -> Iterable[Site]:
    queries = size[0] * size[1]
    for module in part.modules():
        if isinstance(module, BasicTransformerBlock):
            yield Site(place_of(block, is_cross=False), module.n_heads, queries, queries)
            yield Site(place_of(block, is_cross=True), module.n_heads, queries, prompt_tokens)


def stored_bytes(sites: Sequence[Site], rows: int, dtype: torch.dtype) -> int:
    """Of one set of the kept maps: those of positive and negative, which the views of the positive hold in memory."""
    kept = [site for site in sites if site.queries <= LARGEST_STORED]
    return sum(site.map_bytes(_CONDITIONS * rows, dtype) for site in kept)


def needed_bytes(sites: Sequence[Site], rows: int, dtype: torch.dtype, keeps_store: bool = True) -> int:
    """The most memory that maps take at once, from the second step on.

    That is the largest sum, over the layers in the order in which they run, of

    - the layer's own maps, two of ``2 · rows · heads · queries · tokens`` numbers (scores and their softmax);
    - the maps of the step's earlier layers of up to 32² queries, and all of those layers' sums of the earlier steps.

    At sizes where the finest layer, which runs last, is finer than 32² it is that layer's maps and two whole stores.
    The copies in which cross-attention maps are edited are smaller and are left out.

    Args:
        sites: in the order in which they run.
        rows: source and targets of the positive; the negative has as many.
    """
    largest = stored = 0
    for site in sites:
        own = site.map_bytes(_CONDITIONS * rows, dtype)
        largest = max(largest, _LIVE * own + stored)
        if keeps_store and site.queries <= LARGEST_STORED:
            stored += own
    return largest + (stored if keeps_store else 0)
