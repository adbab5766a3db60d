"""A prompt as conditioning that remembers its words."""

from comfy_api.latest import io

from ._host.text import encode
from ._host.versions import node_input, schema
from .checks import checked

LARGEST_SIZE = 16384  # the host's own limit

_SIZES = {
    "width": "SDXL's original width in pixels: the resolution that the picture should look as if it came from.",
    "height": "SDXL's original height in pixels.",
    "crop_w": "SDXL's crop from the left in pixels: 0 keeps the object in the middle.",
    "crop_h": "SDXL's crop from the top in pixels.",
    "target_width": "SDXL's target width in pixels; normally the width of the latent.",
    "target_height": "SDXL's target height in pixels.",
}


def _size(name: str, meaning: str) -> io.Int.Input:
    return node_input(
        io.Int,
        name,
        optional=True,
        advanced=True,
        default=0,
        min=0,
        max=LARGEST_SIZE,
        tooltip=f"{meaning} 0 leaves it to the model. The same as in CLIPTextEncodeSDXL.",
    )


class P2PTextEncode(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PTextEncode",
            display_name="P2P Text Encode (Prompt-to-Prompt)",
            search_aliases=["prompt encoder", "source prompt", "target prompt", "words"],
            description="Encodes a prompt like CLIP Text Encode and remembers which tokens belong to which word, so "
            "that Prompt-to-Prompt can find them. Use one for the source prompt and one for each edited prompt.",
            inputs=[
                io.Clip.Input("clip", tooltip="The text encoder of the checkpoint, with its LoRAs if there are any."),
                io.String.Input(
                    "text",
                    multiline=True,
                    dynamic_prompts=True,
                    tooltip="The prompt. Weights such as (word:1.2), embeddings and long prompts work as usual.",
                ),
                *(_size(name, meaning) for name, meaning in _SIZES.items()),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="conditioning",
                    tooltip="Works wherever a CONDITIONING does, and as source or target of a P2P controller.",
                )
            ],
        )

    @classmethod
    @checked
    def execute(cls, clip, text, **sizes):
        return io.NodeOutput(encode(clip, text, {name: size for name, size in sizes.items() if size}))


NODES = [P2PTextEncode]
