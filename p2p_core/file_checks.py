"""What is seen of a file before a library is trusted with it."""

import stat
from pathlib import Path

from .errors import P2PError


def refuse_unreadable(
    path: Path, largest: int, longest_header: int, holds: str = "attention maps", of: str = " of P2P Save Attention"
) -> None:
    """Refuse what cannot be a safetensors file of that kind.

    The library waits for ever at a pipe, and reads headers of up to 100 MB, which may take it half a minute and more
    than a gigabyte.

    Args:
        largest: bytes that the tensors may have.
        longest_header: bytes.
        holds, of: for people, what such a file holds and where one comes from.

    Raises:
        P2PError: no ordinary file, one that is too large, or one with too long a header.
        OSError: a file that is not there, or not to be read.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise P2PError(f"{path.name} is no file that could hold {holds}: choose one{of}.")
    if found.st_size > largest + longest_header:
        raise P2PError(f"{path.name} has {found.st_size / 2**30:.1f} GiB: no file of {holds} is that large.")
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if longest_header < length <= found.st_size:
        raise P2PError(f"{path.name} is no file of {holds}, its header is too long: choose one of them.")
