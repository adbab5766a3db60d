"""Recorded attention saved and loaded, to compare and reuse it."""

import hashlib

from comfy_api.latest import io

from ..p2p_core.attention_files import load_attention, save_attention
from ..p2p_core.errors import P2PError
from ._host.files import chosen_file
from ._host.versions import schema
from .checks import checked
from .saved_files import file_input, file_problem, file_to_save, prefix_input
from .types import AttentionType

PACK_VERSION = "0.3.0"
SUFFIX = ".attention.safetensors"


class P2PSaveAttention(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PSaveAttention",
            display_name="P2P Save Attention",
            search_aliases=["save maps", "export attention", "keep attention"],
            description="Saves what P2P Attention Store recorded, with its words, to look at it again later.",
            is_output_node=True,
            inputs=[
                AttentionType.Input("attention", tooltip="From P2P Attention Store."),
                io.Latent.Input(
                    "latent",
                    tooltip="The latent output of the sampler whose attention is recorded: it makes the saving wait "
                    "for the sampling. It is not saved.",
                ),
                prefix_input("attention/maps"),
            ],
            outputs=[],
        )

    @classmethod
    @checked
    def execute(cls, attention, latent, filename_prefix="attention/maps"):
        attention.recorded()
        file = file_to_save(filename_prefix, SUFFIX)
        save_attention(attention, file.path, PACK_VERSION)
        return io.NodeOutput(ui={"attention": [file.for_browser]})


class P2PLoadAttention(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PLoadAttention",
            display_name="P2P Load Attention",
            search_aliases=["load maps", "import attention", "open attention"],
            description="Loads attention that P2P Save Attention saved, for P2P Attention Maps.",
            inputs=[file_input(SUFFIX)],
            outputs=[
                AttentionType.Output(
                    display_name="attention",
                    tooltip="For P2P Attention Maps, with the pictures it was recorded with, or others of the same "
                    "number.",
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, file):
        return file_problem(cls, file, SUFFIX)

    @classmethod
    def fingerprint_inputs(cls, file):
        try:
            with chosen_file(file, SUFFIX).open("rb") as opened:
                return _digest(opened)
        except (OSError, P2PError):
            return ""  # executing says what is wrong

    @classmethod
    def execute(cls, file):
        return io.NodeOutput(load_attention(chosen_file(file, SUFFIX)))


def _digest(opened) -> str:
    digest = hashlib.sha256()
    while piece := opened.read(2**20):
        digest.update(piece)
    return digest.hexdigest()


NODES = [P2PSaveAttention, P2PLoadAttention]
