"""What goes with the embedded model: a LoRA and a ControlNet, to try both with nothing downloaded."""

from comfy_api.latest import io

from ..p2p_core.errors import P2PError
from ._host.versions import CATEGORY, schema
from .checks import checked

MINI_CATEGORY = f"{CATEGORY}/mini"


class P2PMiniLora(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PMiniLora",
            display_name="P2P Mini LoRA",
            search_aliases=["mini lora", "style", "sticker"],
            category=MINI_CATEGORY,
            description="A LoRA for the model of P2P Mini SDXL: everything becomes a sticker with a broad white border "
            "on a plain background. It takes the place of Load LoRA in a graph that needs nothing downloaded.",
            inputs=[
                io.Model.Input("model", tooltip="The model of P2P Mini SDXL."),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-2.0,
                    max=2.0,
                    step=0.05,
                    tooltip="How much of the style. 0: none, the model as it is; 1: as trained; above 1: exaggerated; "
                    "below 0: away from it.",
                ),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="The model with the LoRA, for P2P Apply.")],
        )

    @classmethod
    @checked
    def execute(cls, model, strength):
        from ..mini_sdxl.lora import fits, with_lora

        if not fits(model):
            raise P2PError(
                "The model that P2P Mini LoRA got is not the one of P2P Mini SDXL, the only one its LoRA was made for: "
                "connect that, or use Load LoRA with a LoRA of your model."
            )
        return io.NodeOutput(with_lora(model, strength))


class P2PMiniControlNet(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PMiniControlNet",
            display_name="P2P Mini ControlNet",
            search_aliases=["mini controlnet", "control net", "silhouette"],
            category=MINI_CATEGORY,
            description="A ControlNet for the model of P2P Mini SDXL, for Apply ControlNet: the object appears where "
            "the control picture is white. It takes the place of Load ControlNet Model in a graph that needs nothing "
            "downloaded.",
            inputs=[
                io.Combo.Input(
                    "precision",
                    options=["auto", "fp32", "fp16"],
                    default="auto",
                    tooltip="auto: fp16 on a GPU that is good at it, else fp32. Choose as for P2P Mini SDXL.",
                )
            ],
            outputs=[
                io.ControlNet.Output(
                    display_name="control_net",
                    tooltip="For Apply ControlNet, with a picture that is white where the object is to be and black "
                    "elsewhere.",
                )
            ],
        )

    @classmethod
    @checked
    def execute(cls, precision="auto"):
        from ..mini_sdxl.control import load

        return io.NodeOutput(load(precision))


NODES = [P2PMiniLora, P2PMiniControlNet]
