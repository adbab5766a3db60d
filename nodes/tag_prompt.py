"""Words for conditioning that another node encoded."""

from comfy_api.latest import io

from ._host.text import tagged
from ._host.versions import schema
from .checks import checked


class P2PTagPrompt(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PTagPrompt",
            display_name="P2P Tag Prompt",
            search_aliases=["tag words", "label words", "any text encoder", "prompt weighting"],
            description="Tells Prompt-to-Prompt which words stand in a conditioning that another text encoder made "
            "(CLIPTextEncodeSDXL, weighting or prompt-editing packs). The conditioning itself is not changed.",
            inputs=[
                io.Clip.Input("clip", tooltip="The text encoder that made the conditioning."),
                io.String.Input(
                    "text",
                    multiline=True,
                    tooltip="The text that the conditioning was made from, to the letter. Where there were two texts "
                    "(text_g and text_l), the one whose words you want to edit.",
                ),
                io.Conditioning.Input("conditioning", tooltip="From any text encoder node for the same CLIP."),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="conditioning",
                    tooltip="The same conditioning, good as source or target of a P2P controller.",
                )
            ],
        )

    @classmethod
    @checked
    def execute(cls, clip, text, conditioning):
        return io.NodeOutput(tagged(clip, text, conditioning))


NODES = [P2PTagPrompt]
