"""Where a record's tensors live: on the device that made them, in the memory of the host, or in a file."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import torch

from .errors import P2PError
from .record_disk import Disk
from .record_precision import Encoded
from .record_transfer import Arriving, Here, PinnedMemory, SideStream, module_with_streams, pinned

HOST = torch.device("cpu")

Kept = Any  # what a home needs to find a tensor again: its own affair


class Keeper(Protocol):
    """One of the homes."""

    def keep(self, made: Encoded) -> Kept:
        """Take a tensor in, without waiting where that can be avoided."""
        ...

    def fetch(self, kept: Kept, device: torch.device) -> Arriving:
        """Start to bring it to a device."""
        ...

    def travels(self, device: torch.device) -> bool:
        """Whether it pays to fetch ahead of use."""
        ...

    def ram(self, kept: Kept) -> int:
        """Bytes of it in the host's memory."""
        ...

    def finish(self) -> None:
        """Nothing is on its way here any more."""
        ...

    def close(self, waits: bool = True) -> None: ...


class SideStreams:
    """One for each device that has streams."""

    def __init__(self) -> None:
        self._streams: dict[torch.device, SideStream] = {}
        self._lock = threading.Lock()  # the thread of a file asks as well

    def of(self, device: torch.device) -> SideStream | None:
        with self._lock:
            if device not in self._streams and (module := module_with_streams(device)) is not None:
                self._streams[device] = SideStream(device, module)
            return self._streams.get(device)

    def synchronize(self) -> None:
        for stream in list(self._streams.values()):
            stream.synchronize()

    def fetch(self, kept: Encoded, device: torch.device) -> Arriving:
        """From the host's memory."""
        if kept.values.device == device:
            return Here(kept)
        stream = self.of(device)
        if stream is None:
            return Here(kept.each(lambda tensor: tensor.to(device)))
        return stream.to_device(kept)


class OnDevice:
    def keep(self, made: Encoded) -> Encoded:
        return made

    def fetch(self, kept: Encoded, device: torch.device) -> Arriving:
        return Here(kept.each(lambda tensor: tensor.to(device)))

    def travels(self, device: torch.device) -> bool:
        return False

    def ram(self, kept: Encoded) -> int:
        return kept.nbytes if kept.values.device == HOST else 0

    def finish(self) -> None:
        """Nothing moves."""

    def close(self, waits: bool = True) -> None:
        """Its tensors go with the record."""


class InMemory:
    def __init__(self) -> None:
        self._streams, self._memory = SideStreams(), PinnedMemory()
        self._is_complete = True

    def keep(self, made: Encoded) -> Encoded:
        stream = self._streams.of(made.values.device)
        if stream is None:
            return made.each(lambda tensor: tensor.cpu())
        self._is_complete = False
        return stream.to_host(made, self._memory.room)[0]

    def fetch(self, kept: Encoded, device: torch.device) -> Arriving:
        if not self._is_complete:
            self.finish()
        return self._streams.fetch(kept, device)

    def travels(self, device: torch.device) -> bool:
        return device != HOST

    def ram(self, kept: Encoded) -> int:
        return kept.nbytes

    def finish(self) -> None:
        self._streams.synchronize()
        self._memory.finish()
        self._is_complete = True

    def close(self, waits: bool = True) -> None:
        """The allocator of pinned memory knows what is still being copied."""


@dataclass(frozen=True)
class Stretch:
    """Where a tensor stands in a file."""

    start: int
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class InFile:
    """Where the tensors of one ``Encoded`` stand."""

    stretches: tuple[Stretch, ...]


class OnDisk:
    def __init__(self, disk: Disk, is_trusted: bool = True) -> None:
        """``is_trusted``: this process wrote it; otherwise what is read must be numbers."""
        self._disk, self._is_trusted = disk, is_trusted
        self._streams = SideStreams()

    def keep(self, made: Encoded) -> InFile:
        stream = self._streams.of(made.values.device)
        if stream is None:
            return self._append(made.each(lambda tensor: tensor.cpu()), lambda: None)
        copy, there = stream.to_host(made, lambda tensor: _room(tensor.dtype, tuple(tensor.shape), is_pinned=True))
        return self._append(copy, there.synchronize)

    def fetch(self, kept: InFile, device: torch.device) -> Arriving:
        return _Reading(self._disk.do(lambda: self._streams.fetch(self._read(kept, device != HOST), device)))

    def travels(self, device: torch.device) -> bool:
        return True

    def ram(self, kept: InFile) -> int:
        return 0

    def finish(self) -> None:
        self._disk.finish()

    def close(self, waits: bool = True) -> None:
        self._disk.close(waits)

    def _append(self, copy: Encoded, when: Any) -> InFile:
        """``when``: waits until the copy is there."""
        starts = [self._disk.append(tensor, when) for tensor in copy.tensors]
        return InFile(
            tuple(Stretch(start, t.dtype, tuple(t.shape)) for start, t in zip(starts, copy.tensors, strict=True))
        )

    def _read(self, kept: InFile, is_pinned: bool) -> Encoded:
        tensors = [_room(stretch.dtype, stretch.shape, is_pinned) for stretch in kept.stretches]
        for stretch, tensor in zip(kept.stretches, tensors, strict=True):
            self._disk.read(stretch.start, tensor)
            if not self._is_trusted and tensor.is_floating_point() and not tensor.isfinite().all():
                raise P2PError(f"{self._disk.name} holds values that are no numbers: it is damaged, record again.")
        return Encoded(*tensors)


class _Reading:
    def __init__(self, future: "Future[Arriving]") -> None:
        self._future = future

    def wait(self) -> Encoded:
        return self._future.result().wait()


def _room(dtype: torch.dtype, shape: tuple[int, ...], is_pinned: bool) -> torch.Tensor:
    if not is_pinned:
        return torch.empty(shape, dtype=dtype)
    return pinned(prod(shape) * dtype.itemsize).view(dtype).view(shape)
