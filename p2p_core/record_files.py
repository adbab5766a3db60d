"""A record as one safetensors file, written and read tensor by tensor: neither needs the memory of the whole."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any

import torch

from .errors import P2PError
from .file_checks import refuse_unreadable
from .record_disk import Disk, bytes_in
from .record_header import LONGEST_HEAD, BadHead, Head, read_head, written_head
from .record_homes import Stretch
from .record_storage import RecordStorage

SUFFIX = ".record.safetensors"  # of the names that people choose from
LARGEST_FILE = 2**36  # bytes


def save_record(
    path: Path, facts: Mapping[str, Any], small: Mapping[str, torch.Tensor], storage: RecordStorage
) -> None:
    """Write a record. The file is there when it is whole, and not before.

    Args:
        path: of the new file; one that is there is replaced.
        facts: plain values of JSON: what the record is of.
        small: tensors that are kept exact, of ordinary types; their names are such as those of the storage.
        storage: of a run that is over.

    Raises:
        P2PError: a run that failed, a record too large for one file, or a disk that does not take it.
    """
    storage.finish()
    head = written_head(facts, storage.precision, small, {name: storage.shape_of(name) for name in storage.names()})
    if (size := len(head) + storage.nbytes + sum(tensor.nbytes for tensor in small.values())) > LARGEST_FILE:
        raise P2PError(
            f"The record takes {size / 2**30:.1f} GiB, more than one file may hold: choose int8 or a shorter window."
        )
    with _new_file(path) as file:
        file.write(head)
        for tensor in small.values():
            _write(file, tensor.detach().cpu().contiguous())
        for name in storage.names():
            for tensor in reversed(storage.stored(name).tensors):
                _write(file, tensor)


def load_record(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor], RecordStorage]:
    """Facts, small tensors and storage of a file that ``save_record`` wrote.

    The storage reads from the file while it is used, and holds it open until it is closed. What the facts say is not
    checked here, beyond being plain values.

    Raises:
        P2PError: a file that is missing, too large, damaged, of another kind, or of a later version of this pack.
    """
    with _said_of(path.name):
        disk, head = _opened(path)
        try:
            small = {part: _small(path.name, disk, part, stretch) for part, stretch in head.small.items()}
        except BaseException:
            disk.close()
            raise
    return head.facts, small, RecordStorage.of_file(head.precision, disk, head.values)


def load_head(path: Path) -> Head:
    """What a file that ``save_record`` wrote says of itself, without its tensors.

    Raises:
        P2PError: as of ``load_record``.
    """
    with _said_of(path.name):
        disk, head = _opened(path)
        disk.close()
    return head


@contextmanager
def _said_of(name: str) -> Iterator[None]:
    """Whatever is wrong with a file, as a sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise P2PError(f"{name} does not exist: choose another file.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error  # the rest is the path again
        raise P2PError(f"{name} cannot be read ({reason}): choose another file, or save the record again.") from error
    except BadHead as error:
        raise P2PError(f"{name} is damaged: {error}. Save the record again.") from error


def _opened(path: Path) -> tuple[Disk, Head]:
    refuse_unreadable(path, LARGEST_FILE, LONGEST_HEAD, "a record", "")
    disk = Disk(FileIO(path), path.name, path.parent)
    try:
        return disk, _head(path.name, disk)
    except BaseException:
        disk.close()
        raise


def _head(name: str, disk: Disk) -> Head:
    length = int.from_bytes(disk.bytes_at(0, 8), "little") if disk.size >= 8 else 0
    if not 2 <= length <= min(LONGEST_HEAD, disk.size - 8):
        raise BadHead("it is no complete safetensors file")
    return read_head(name, disk.bytes_at(8, length), disk.size)


def _small(name: str, disk: Disk, part: str, stretch: Stretch) -> torch.Tensor:
    tensor = torch.empty(stretch.shape, dtype=stretch.dtype)
    disk.do(lambda: disk.read(stretch.start, tensor)).result()
    if not _is_numbers(tensor):
        raise BadHead(f"{part} holds values that are no numbers")
    if tensor.dtype == torch.bool and tensor.view(torch.uint8).amax() > 1:
        raise BadHead(f"{part} is neither true nor false")
    return tensor


def _write(file: Any, tensor: torch.Tensor) -> None:
    if not _is_numbers(tensor):
        raise P2PError(
            "The record holds values that are no numbers: the run that made it failed (a black picture?). Sample "
            "again, in fp32 if need be."
        )
    file.write(bytes_in(tensor))


def _is_numbers(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


@contextmanager
def _new_file(path: Path) -> Iterator[Any]:
    """A file under another name, which gets its own when it is whole; otherwise nothing is left of it."""
    unfinished = path.with_name(f"{path.name}.part")
    try:
        try:
            unfinished.unlink(missing_ok=True)  # a link would be written through
            with open(unfinished, "xb") as file:
                yield file
            os.replace(unfinished, path)
        except BaseException:
            with suppress(OSError):  # a name that is too long cannot be removed either
                unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise P2PError(
            f"The record could not be saved as {path.name}: {error.strerror or error}. Is the disk full, or the file "
            "in use?"
        ) from error
