"""What the nodes have in common that save and load files of this pack: inputs, and the files that these name."""

from comfy_api.latest import io

from ..p2p_core.part_files import remove_stale_parts
from ._host.files import NewFile, choosable_files, chosen_file, new_output_file
from .checks import problem


def prefix_input(default: str) -> io.String.Input:
    return io.String.Input(
        "filename_prefix",
        default=default,
        tooltip="The beginning of the file's name in the output folder; folders and %date% patterns work "
        "as in Save Image.",
    )


def file_to_save(prefix: str, suffix: str) -> NewFile:
    """The next free name, in a folder without what broken-off savings left of such files.

    Raises:
        P2PError: a prefix that names no file in the output folder.
    """
    file = new_output_file(prefix, suffix)
    remove_stale_parts(file.path.parent, suffix)
    return file


def file_input(suffix: str) -> io.Combo.Input:
    return io.Combo.Input(
        "file",
        options=choosable_files(suffix),
        tooltip=f"A file *{suffix} of the input folder, or of the output folder, marked [output].",
    )


def file_problem(node, file: str | None, suffix: str) -> bool | str:
    """What ``validate_inputs`` returns of a chosen file: True, or what is wrong with it."""
    return problem(node, {}, lambda: file is None or chosen_file(file, suffix))
