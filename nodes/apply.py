"""Everything a stock sampler needs to sample source and targets together."""

from comfy_api.latest import io

from ._host.browser import own_id
from ._host.conditioning import merged
from ._host.fitting import refuse_lost_masks, refuse_other_encoder, refuse_other_latent
from ._host.install import with_edits
from ._host.latents import expanded, recorded_start
from ._host.versions import schema
from .checks import checked
from .types import ControllerType, RecordType


class P2PApply(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PApply",
            display_name="P2P Apply (Cross-Attention Control)",
            search_aliases=["apply edit", "sample edit", "source and target"],
            description="Connect its four outputs to any sampler. The result is a batch: for each picture of the "
            "latent first the source, then the edited picture, from the same noise.",
            # Two of them with the same inputs are two: each shows its own runs. Of V3 nodes the host's cache looks at
            # this mark only, and not at the hidden id (0.3.75, 0.8.0).
            not_idempotent=True,
            inputs=[
                io.Model.Input("model", tooltip="An SDXL-family model, with any LoRA, IP-Adapter or other patches."),
                ControllerType.Input("controller", tooltip="How the target follows the source."),
                io.Conditioning.Input("negative", tooltip="The negative prompt; it is the same for all pictures."),
                io.Latent.Input("latent", tooltip="The latent to sample. A batch: several sources, an edit of each."),
                io.Combo.Input(
                    "controlnet_prompt",
                    options=["target", "source"],
                    default="target",
                    optional=True,
                    tooltip="Which prompt a ControlNet reads for the edited pictures: their own, or the source's, so "
                    "that its guidance is the same for source and targets.",
                ),
                RecordType.Input(
                    "record",
                    optional=True,
                    tooltip="A record of the source: then only the edited pictures are sampled, in about half the "
                    "time. Connect the latent that the recorded sampler made to latent.",
                ),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="The model with the edits, for the sampler."),
                io.Conditioning.Output(
                    display_name="positive",
                    tooltip="Source and targets as one positive. ControlNet can be applied to it too.",
                ),
                io.Conditioning.Output(display_name="negative", tooltip="The negative prompt, unchanged."),
                io.Latent.Output(display_name="latent", tooltip="The latent with one row per prompt, same noise each."),
            ],
            hidden=[io.Hidden.unique_id],  # to show on the node what is edited while a sampler runs
        )

    @classmethod
    @checked
    def execute(cls, model, controller, negative, latent, controlnet_prompt="target", record=None):
        recorded = None if record is None else record.recorded()
        patched, positive = with_edits(model), merged(controller, controlnet_prompt, own_id(cls), recorded)
        if recorded is None:
            rows = expanded(latent, controller.rows)
        else:
            rows = recorded_start(recorded, latent, controller.rows - 1)
        refuse_other_encoder(model, controller, negative)
        refuse_other_latent(model, latent["samples"])
        refuse_lost_masks(controller, latent["samples"])
        return io.NodeOutput(patched, positive, negative, rows)


NODES = [P2PApply]
