"""Put a drawn mask in place of a word's recorded maps before a target inherits them."""

import torch
from comfy_api.latest import io

from ..p2p_core.adjustment import Draw
from ..p2p_core.drawn_maps import DrawnMask
from ..p2p_core.errors import P2PError
from ._host.versions import schema
from .adjusting import adjusted_outputs, adjusted_record, latent_input, record_input, words_of
from .checks import checked, problem


class P2PAdjustMask(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PAdjustMask",
            display_name="P2P Adjust: Draw a Word's Map",
            search_aliases=["paint attention", "paint with words", "draw layout", "mask word", "edit record"],
            description="Replaces the recorded maps of a word by a mask that you drew, so that edits from the record "
            "inherit the word there. The record that came in stays as it was.",
            inputs=[
                record_input(),
                io.Mask.Input(
                    "mask",
                    tooltip="Where the word is to be, one mask for all pictures. Any size; it is stretched over the "
                    "picture.",
                ),
                io.String.Input(
                    "word",
                    default="",
                    placeholder="cat",
                    tooltip="The word of the recorded prompt. Several words separated by commas get the same mask.",
                ),
                io.Float.Input(
                    "strength",
                    default=0.3,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    round=0.001,
                    tooltip="The part of the attention that the word gets where the mask is white. The preview shows "
                    "what it had.",
                ),
                latent_input(),
            ],
            outputs=adjusted_outputs(),
        )

    @classmethod
    def validate_inputs(cls, word=None, strength=None):
        typed = {"word": word, "strength": strength}
        return problem(cls, typed, lambda: words_of("a" if word is None else word, "word"))

    @classmethod
    @checked
    def execute(cls, record, mask, word, strength, latent=None):
        drawn = DrawnMask(_one_mask(mask))
        return adjusted_record(record, [Draw(own, drawn, strength) for own in words_of(word, "word")])


def _one_mask(mask: torch.Tensor) -> torch.Tensor:
    """(height, width) in 0..1 of whatever shape a MASK has."""
    masks = mask.reshape(-1, *mask.shape[-2:])
    if len(masks) > 1:
        raise P2PError(
            f"mask has {len(masks)} masks, and a word of a record gets one for all pictures: choose one of them."
        )
    return masks[0].float().clamp(0, 1).cpu()


NODES = [P2PAdjustMask]
