"""A prompt as conditioning that remembers its words."""

from comfy_api.latest import io

from ._host.text import encode
from ._host.versions import schema


class P2PTextEncode(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PTextEncode",
            display_name="P2P Text Encode",
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
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="conditioning",
                    tooltip="Works wherever a CONDITIONING does, and as source or target of a P2P controller.",
                )
            ],
        )

    @classmethod
    def execute(cls, clip, text):
        return io.NodeOutput(encode(clip, text))


NODES = [P2PTextEncode]
