"""One file that a record is streamed to and read from, by a thread of its own: nobody else waits for the disk.

Reads fill memory that is asked for, instead of mapping the file: a device copies from pinned memory only, the memory of
the process stays flat, and a file that somebody cuts off is a mistake to name, where a map would end the process.
"""

import os
import tempfile
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar, cast

import torch

from .errors import P2PError

_MOST_PENDING = 2**26  # bytes on their way to the disk, after which the next one waits

_Result = TypeVar("_Result")


class Disk:
    """Bytes in a file. Everything is done in the order in which it was asked for."""

    def __init__(self, file: FileIO, name: str, folder: Path) -> None:
        """``file``: unbuffered. ``name`` and ``folder``: for people."""
        self._file, self.name, self._folder = file, name, folder
        self._thread = ThreadPoolExecutor(1, "p2p-record")
        self._end = self._pending_bytes = 0
        self._pending: deque[tuple[Future, int]] = deque()
        self._closed = False

    @classmethod
    def temporary(cls, folder: Path | None) -> "Disk":
        """A new file that vanishes with its last use, also when the process is killed.

        Raises:
            P2PError: a folder that cannot be written to.
        """
        folder = folder or Path(tempfile.gettempdir())
        try:
            file = tempfile.TemporaryFile(buffering=0, prefix="p2p_record_", dir=folder)  # noqa: SIM115 closed with it
        except OSError as error:
            raise _unwritable(folder, error) from error
        return cls(cast(FileIO, file), "The record's file", folder)

    def append(self, tensor: torch.Tensor, when: Callable[[], object]) -> int:
        """Where a tensor of the host will stand. ``when``: waits until its values are there.

        Waits only for what was asked for long before.

        Raises:
            P2PError: something did not fit on the disk, perhaps something earlier.
        """
        start, self._end = self._end, self._end + tensor.nbytes
        data = bytes_in(tensor)

        def write() -> None:
            when()
            self._write(start, data)

        self._pending.append((self.do(write), tensor.nbytes))
        self._pending_bytes += tensor.nbytes
        self._wait_until(_MOST_PENDING)
        return start

    def do(self, work: Callable[[], _Result]) -> "Future[_Result]":
        """Work on the thread of the file, after all that was asked for before."""
        return self._thread.submit(work)

    def read(self, start: int, tensor: torch.Tensor) -> None:
        """Fill a tensor of the host; on the thread of the file.

        Raises:
            P2PError: a file that is not as long any more, or not to be read.
        """
        data = bytes_in(tensor)
        try:
            self._file.seek(start)
            done = 0
            while done < len(data):
                count = self._file.readinto(data[done:])
                if not count:
                    raise P2PError(f"{self.name} was cut off while it was in use: make the record again.")
                done += count
        except OSError as error:
            raise P2PError(
                f"{self.name} cannot be read ({error.strerror or error}): make the record again, or keep it in memory."
            ) from error

    def bytes_at(self, start: int, count: int) -> bytes:
        """A few, waited for.

        Raises:
            P2PError: as ``read``.
        """
        place = torch.empty(count, dtype=torch.uint8)
        self.do(lambda: self.read(start, place)).result()
        return place.numpy().tobytes()

    @property
    def size(self) -> int:
        """Bytes that the file has now."""
        return os.fstat(self._file.fileno()).st_size

    def finish(self) -> None:
        """Everything that was appended is in the file.

        Raises:
            P2PError: something did not fit on the disk.
        """
        self._wait_until(0)

    def close(self, waits: bool = True) -> None:
        """Idempotent. Not to wait is for garbage collection, which may happen on the thread of the file itself."""
        if self._closed:
            return
        self._closed = True
        for future, _ in self._pending:
            future.cancel()
        self._pending.clear()
        try:
            self._thread.submit(self._file.close)  # after what it is doing now
        except RuntimeError:  # the interpreter ends, and its threads have ended
            self._file.close()
        self._thread.shutdown(wait=waits)

    def _wait_until(self, bytes_left: int) -> None:
        while self._pending and (self._pending_bytes > bytes_left or self._pending[0][0].done()):
            future, size = self._pending.popleft()
            self._pending_bytes -= size
            future.result()

    def _write(self, start: int, data: memoryview) -> None:
        try:
            self._file.seek(start)
            done = 0
            while done < len(data):
                done += self._file.write(data[done:])
        except OSError as error:
            raise _unwritable(self._folder, error) from error


def bytes_in(tensor: torch.Tensor) -> memoryview:
    """The memory of a contiguous tensor of the host."""
    flat: Any = tensor.reshape(-1).view(torch.uint8).numpy()
    return memoryview(flat)


def _unwritable(folder: Path, error: OSError) -> P2PError:
    return P2PError(
        f"The record cannot be written to {folder}: {error.strerror or error}. Make room on the disk, choose a smaller "
        "precision or window, or keep the record in memory."
    )
