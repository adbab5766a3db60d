"""Where the host keeps files: its output folder with its numbering, and files that a user may choose."""

import os
from dataclasses import dataclass
from pathlib import Path

import folder_paths

from ...p2p_core.errors import P2PError

_FOLDERS = {"input": folder_paths.get_input_directory, "output": folder_paths.get_output_directory}
_OUTPUT_MARK = " [output]"  # the host's own way to name a file of another folder than input


@dataclass(frozen=True)
class NewFile:
    """A file to write, and what the browser is told about it."""

    path: Path
    subfolder: str

    @property
    def for_browser(self) -> dict[str, str]:
        return {"filename": self.path.name, "subfolder": self.subfolder, "type": "output"}


def new_output_file(prefix: str, suffix: str) -> NewFile:
    """The next free name ``prefix_00001_suffix`` in the output folder, as the host's own save nodes count.

    Raises:
        P2PError: a prefix without a name, or one that leaves the output folder.
    """
    prefix = prefix.strip()
    if os.path.basename(prefix) in ("", ".", "..") or prefix.endswith("\\") or not _is_a_name(prefix):
        raise P2PError(f'The filename_prefix "{prefix}" names no file: write one such as "edits/cat".')
    output = folder_paths.get_output_directory()
    try:
        _refuse_outside(output, os.path.dirname(os.path.normpath(prefix)))  # the host makes folders through links
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, output)
        _refuse_outside(output, subfolder)  # with dates in place of patterns
    except OSError as error:
        raise P2PError(f'No folder for the filename_prefix "{prefix}" can be made: {error.strerror}.') from error
    except Exception as error:  # the host raises the base class, or ValueError for another drive
        raise P2PError(
            f'The filename_prefix "{prefix}" leaves the output folder: write one inside it, such as "edits/cat".'
        ) from error
    return NewFile(Path(folder) / f"{name}_{counter:05}_{suffix}", subfolder)


def _refuse_outside(output: str, subfolder: str) -> None:
    """The host compares paths as they are written, so that a link in the output folder leads out of it."""
    root = Path(os.path.realpath(output))
    if not Path(os.path.realpath(root / subfolder)).is_relative_to(root):
        raise ValueError(subfolder)


def _is_a_name(name: str) -> bool:
    """Whether a file can be called so at all: a NUL ends a name, and half a character has no bytes."""
    return "\0" not in name and not any("\ud800" <= character <= "\udfff" for character in name)


def choosable_files(suffix: str) -> list[str]:
    """Files of that suffix in the input folder, and those in the output folder marked ``[output]``."""
    names: list[str] = []
    for kind, folder in _FOLDERS.items():
        root = Path(folder())
        mark = _OUTPUT_MARK if kind == "output" else ""
        found = (Path(parent) / name for parent, _, files in os.walk(root) for name in files if name.endswith(suffix))
        names += sorted(name + mark for path in found if _is_a_name(name := path.relative_to(root).as_posix()))
    return names


def chosen_file(name: str, suffix: str) -> Path:
    """The file that a user chose.

    Raises:
        P2PError: a name without the suffix, outside the input and output folders, or of no file.
    """
    name = str(name)  # the host leaves a choice as it came
    kind = "output" if name.endswith(_OUTPUT_MARK.strip()) else "input"
    plain = (
        name.removesuffix(_OUTPUT_MARK.strip()).strip() if kind == "output" else name.removesuffix("[input]").strip()
    )
    if not plain.endswith(suffix) or not _is_a_name(plain):
        raise P2PError(f'"{name}" is no file of this kind: choose one whose name ends in {suffix}.')
    root = Path(os.path.realpath(_FOLDERS[kind]()))
    path = Path(os.path.realpath(root / plain.replace("\\", "/")))
    if not path.is_relative_to(root):
        raise P2PError(f'"{name}" is outside the {kind} folder: move the file there and choose it.')
    if not _is_file(path):
        raise P2PError(f'There is no file "{plain}" in the {kind} folder: choose another one.')
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the disk
        return False
