"""Files while they are written: under a name of their own, so that what has the right name is complete."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path

_PART = ".part"
_STALE = 3600  # seconds without a write; the largest file takes minutes, and another server may save here now


def part_of(path: Path) -> Path:
    """Where a file is written before it gets its name."""
    return path.with_name(f"{path.name}{_PART}")


def remove_stale_parts(folder: Path, suffix: str) -> None:
    """Remove what processes left that were killed while they saved.

    Of the folder itself only ordinary files ``…_00001_<suffix>.part`` that nothing has written to for an hour go;
    links and what they lead to stay, as does whatever cannot be removed.

    Args:
        suffix: of the files that are saved here.
    """
    ours = re.compile(rf".*_\d{{5,}}_{re.escape(suffix)}{re.escape(_PART)}", re.DOTALL)
    newest = time.time() - _STALE
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if ours.fullmatch(entry.name) and _is_file_before(entry, newest):
                with suppress(OSError):
                    os.unlink(entry.path)


def _is_file_before(entry: os.DirEntry, newest: float) -> bool:
    with suppress(OSError):
        return entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < newest
    return False
