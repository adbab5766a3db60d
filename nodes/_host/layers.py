"""The attention layers of a network before anything ran through it: which there are, and how large."""

from collections.abc import Iterator
from typing import NamedTuple

from comfy.ldm.modules.attention import BasicTransformerBlock
from comfy.ldm.modules.diffusionmodules.openaimodel import Downsample, UNetModel, Upsample

from ...p2p_core.placement import Grid
from ...p2p_core.source_record import Site


class Layer(NamedTuple):
    """A transformer block with cross-attention.

    Attributes:
        halvings: how often the latent was halved on the way to it.
        channels: of its hidden states.
    """

    site: Site
    block: BasicTransformerBlock
    halvings: int
    channels: int
    heads: int

    def grid(self, latent: Grid) -> Grid:
        """(height, width) of its places for a latent of this size."""
        height, width = latent
        for _ in range(self.halvings):
            height, width = -(-height // 2), -(-width // 2)
        return height, width


def layers_of(network: UNetModel) -> Iterator[Layer]:
    """Every transformer block with cross-attention, in the order of the network's modules."""
    down = [_count(block, Downsample) for block in network.input_blocks]
    up = [_count(block, Upsample) for block in network.output_blocks]
    for name, module in network.named_modules():
        if not isinstance(module, BasicTransformerBlock) or module.attn2 is None:
            continue
        part, number, *_, index = name.split(".")
        block = part.split("_")[0]
        if block == "input":
            halvings = sum(down[: int(number) + 1])
        else:
            halvings = sum(down) - (sum(up[: int(number)]) if block == "output" else 0)
        attention = module.attn2
        site = (block, 0 if block == "middle" else int(number), int(index))
        yield Layer(site, module, halvings, attention.to_q.in_features, attention.heads)


def _count(block, kind: type) -> int:
    return sum(isinstance(module, kind) for module in block)
