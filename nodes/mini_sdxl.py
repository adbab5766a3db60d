"""The embedded model, to try the pack with nothing downloaded."""

from comfy_api.latest import io

from ._host.versions import schema
from .checks import checked


class P2PMiniSDXL(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PMiniSDXL",
            display_name="P2P Mini SDXL",
            search_aliases=["tiny model", "test model", "demo model", "embedded model", "load checkpoint"],
            description="A tiny SDXL that ships with the pack: 128×128 pictures in seconds, even without a GPU. It "
            "knows prompts like 'a red car on grass' (see the help page for its words).",
            inputs=[
                io.Combo.Input(
                    "precision",
                    options=["auto", "fp32", "fp16"],
                    default="auto",
                    tooltip="auto: fp16 on a GPU that is good at it, else fp32.",
                )
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="For any sampler, at 128×128 or nearby sizes."),
                io.Clip.Output(display_name="clip", tooltip="SDXL's two text encoders, small."),
                io.Vae.Output(display_name="vae", tooltip="An autoencoder of TAESD's architecture."),
            ],
        )

    @classmethod
    @checked
    def execute(cls, precision="auto"):
        from ..mini_sdxl.builder import load

        return io.NodeOutput(*load(precision))


NODES = [P2PMiniSDXL]
