"""Several targets of one source in one batch: the source is sampled once."""

from comfy_api.latest import io

from ..p2p_core.edit import combine
from ._host.conditioning import combined_entries
from ._host.versions import schema
from .checks import checked
from .types import ControllerType, controller_output


class P2PCombine(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PCombine",
            display_name="P2P Combine Targets",
            search_aliases=["several targets", "batch of edits", "compare edits", "variations"],
            description="Joins two edits of the same source. Both edited pictures are made in one run beside one "
            "source. Chain several of these for more targets.",
            inputs=[
                ControllerType.Input("first", tooltip="An edit; its pictures come first."),
                ControllerType.Input("second", tooltip="Another edit of the same source prompt."),
            ],
            outputs=[controller_output("All targets of both. Connect it to P2P Apply.")],
        )

    @classmethod
    @checked
    def execute(cls, first, second):
        return io.NodeOutput(combined_entries(first, second, combine))


NODES = [P2PCombine]
