"""Record a source once, to edit it many times at half the price."""

from comfy_api.latest import io

from ..p2p_core.source_record import RecordHandle, RecordRequest
from ._host.install import with_record
from ._host.versions import schema
from .checks import checked
from .types import RecordType


class P2PRecord(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PRecord",
            display_name="P2P Record",
            not_idempotent=True,
            inputs=[
                io.Model.Input("model"),
            ],
            outputs=[io.Model.Output(display_name="model"), RecordType.Output(display_name="record")],
        )

    @classmethod
    @checked
    def execute(cls, model, precision="fp16", **settings):
        handle = RecordHandle(RecordRequest(precision=precision, **settings))
        return io.NodeOutput(with_record(model, handle), handle)


NODES = [P2PRecord]
