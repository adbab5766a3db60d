"""Shows this repository to a ComfyUI as one custom node, whatever the repository's folder is called.

ComfyUI takes every sub-folder of a ``custom_nodes`` folder for a pack. So the repository's parent cannot be named as
such a folder (anything may lie in it); a private folder with a single link to the repository is.
"""

import os
import shutil
from pathlib import Path

NAME = "prompt-to-prompt"
NOT_COPIED = shutil.ignore_patterns(".*", "output", "__pycache__", "node_modules")


def show_pack(pack: Path, custom_nodes: Path) -> Path:
    """Make the pack appear in the folder: by a symbolic link, else a junction, else a copy."""
    custom_nodes.mkdir(parents=True, exist_ok=True)
    place = custom_nodes / NAME
    hide_pack(place)
    for way in (_link, _junction):
        try:
            way(pack, place)
        except (OSError, NotImplementedError, ImportError):
            continue
        return place
    shutil.copytree(pack, place, ignore=NOT_COPIED)
    return place


def hide_pack(place: Path) -> None:
    """Take the link or copy away; the repository a link leads to is never touched."""
    if place.is_symlink():
        place.unlink()
    elif _is_junction(place):
        place.rmdir()
    elif place.is_dir():
        shutil.rmtree(place)


def _link(pack: Path, place: Path) -> None:
    place.symlink_to(pack, target_is_directory=True)


def _junction(pack: Path, place: Path) -> None:
    import _winapi

    _winapi.CreateJunction(str(pack), str(place))


def _is_junction(place: Path) -> bool:
    """Tell a junction from a folder: it is none of the links of POSIX, and leads somewhere else."""
    if os.name != "nt" or not place.exists():
        return False
    return bool(os.lstat(place).st_reparse_tag)
