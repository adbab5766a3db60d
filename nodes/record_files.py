"""Records saved and loaded, to edit a picture another day."""

from comfy_api.latest import io

from ..p2p_core.errors import P2PError
from ..p2p_core.record_facts import refuse_wrong_facts
from ..p2p_core.record_files import SUFFIX, load_record, save_record
from ..p2p_core.source_record import RecordHandle, RecordRequest, SourceRecord
from ._host.files import chosen_file
from ._host.versions import schema
from .checks import checked
from .saved_files import file_input, file_problem, file_to_save, prefix_input
from .types import RecordType


class P2PSaveRecord(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PSaveRecord",
            display_name="P2P Save Record",
            search_aliases=["export record", "keep record"],
            description="Saves what P2P Record recorded, with the latents it needs, to edit the picture another day.",
            is_output_node=True,
            inputs=[
                RecordType.Input("record", tooltip="From P2P Record, before any P2P Adjust node."),
                io.Latent.Input(
                    "latent",
                    tooltip="The latent that the recorded sampler made: it makes the saving wait for the sampling.",
                ),
                prefix_input("records/record"),
            ],
            outputs=[],
        )

    @classmethod
    @checked
    def execute(cls, record, latent, filename_prefix="records/record"):
        recorded = record.recorded()
        if recorded.adjustments:
            raise P2PError(
                "Adjustments are not saved: connect the record of P2P Record, and put the P2P Adjust nodes behind P2P "
                "Load Record."
            )
        file = file_to_save(filename_prefix, SUFFIX)
        save_record(file.path, recorded.facts, recorded.exact, recorded.storage)
        return io.NodeOutput(ui={"record": [file.for_browser]})


class P2PLoadRecord(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PLoadRecord",
            display_name="P2P Load Record",
            search_aliases=["import record", "open record"],
            description="Loads a record that P2P Save Record saved. Sample with the same model, sampler and settings.",
            inputs=[file_input(SUFFIX)],
            outputs=[
                RecordType.Output(display_name="record", tooltip="For P2P Apply."),
                io.Latent.Output(
                    display_name="latent",
                    tooltip="The latent that the recorded sampler made: for P2P Apply, and for VAE Decode to see it.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, file):
        return file_problem(cls, file, SUFFIX)

    @classmethod
    def fingerprint_inputs(cls, file):
        try:
            found = chosen_file(file, SUFFIX).stat()
        except (OSError, P2PError):
            return ""  # executing says what is wrong
        return f"{found.st_mtime_ns} {found.st_size}"  # its content may be gigabytes

    @classmethod
    def execute(cls, file):
        path = chosen_file(file, SUFFIX)
        facts, exact, storage = load_record(path)
        try:
            refuse_wrong_facts(path.name, facts, exact)
        except P2PError:
            storage.close()
            raise
        handle = RecordHandle(RecordRequest(), SourceRecord(facts, exact, storage))
        return io.NodeOutput(handle, {"samples": exact["result"]})


NODES = [P2PSaveRecord, P2PLoadRecord]
