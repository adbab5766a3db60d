"""Copies between an accelerator and the memory of the host, beside the computation.

What leaves the device is copied behind the work that made it. What goes to it is asked for ahead, and waited for on the
device, never by the host. Devices without streams are copied to and from at once.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch

from .record_precision import Encoded

_SMALLEST_SLAB, _LARGEST_SLAB = 2**20, 2**26  # bytes
_ALIGNMENT = 512  # bytes, as the device's own allocator has


class Arriving(Protocol):
    """Something on its way to a device."""

    def wait(self) -> Encoded:
        """What arrived, to be used on the current stream of its device."""
        ...


class Here:
    """What need not travel."""

    def __init__(self, kept: Encoded) -> None:
        self._kept = kept

    def wait(self) -> Encoded:
        return self._kept


def module_with_streams(device: torch.device) -> Any | None:
    """The part of torch that has the streams of this kind of device, None where there are none."""
    module = getattr(torch, device.type, None) if device.type != "cpu" else None
    has_all = all(hasattr(module, name) for name in ("Stream", "Event", "stream", "current_stream"))
    return module if has_all else None


class SideStream:
    """A stream of one device, for copies alone. Copies of both directions keep the order in which they are asked for.

    ``module``: of ``module_with_streams``.
    """

    def __init__(self, device: torch.device, module: Any) -> None:
        self._device, self._module = device, module
        self._stream = module.Stream(device=device)

    def to_host(self, made: Encoded, room: Callable[[torch.Tensor], torch.Tensor]) -> tuple[Encoded, Any]:
        """The copy, and the event after which it is there. ``room``: memory of the host for a tensor like this one."""
        ready = self._module.Event()
        ready.record(self._module.current_stream(self._device))
        self._stream.wait_event(ready)
        with self._module.stream(self._stream):
            copy = made.each(lambda tensor: room(tensor).copy_(tensor, non_blocking=True))
        self._keep_for(made, self._stream)  # its memory is not given to others before it is copied
        return copy, self._event()

    def to_device(self, kept: Encoded) -> Arriving:
        with self._module.stream(self._stream):
            copy = kept.each(lambda tensor: tensor.to(self._device, non_blocking=True))
        return _OnTheWay(self, copy, self._event())

    def synchronize(self) -> None:
        """The host waits until nothing is on its way."""
        self._stream.synchronize()

    def use_now(self, copy: Encoded, there: Any) -> None:
        """What the current stream does from here on comes after the copy, and the copy's memory lives as long."""
        current = self._module.current_stream(self._device)
        current.wait_event(there)
        self._keep_for(copy, current)

    def _event(self) -> Any:
        event = self._module.Event()
        event.record(self._stream)
        return event

    @staticmethod
    def _keep_for(copy: Encoded, stream: Any) -> None:
        for tensor in copy.tensors:
            tensor.record_stream(stream)


class _OnTheWay:
    def __init__(self, stream: SideStream, copy: Encoded, there: Any) -> None:
        self._stream, self._copy, self._there = stream, copy, there

    def wait(self) -> Encoded:
        self._stream.use_now(self._copy, self._there)
        return self._copy


class PinnedMemory:
    """Memory of the host that a device copies from and to by itself.

    Pinning takes long, may wait for the device, and rounds sizes up to a power of two; so it is done for many tensors
    at once. A slab lives as long as a tensor in it.
    """

    def __init__(self) -> None:
        self._slab, self._used, self._size = None, 0, _SMALLEST_SLAB // 2

    def room(self, tensor: torch.Tensor) -> torch.Tensor:
        """For a tensor like this one."""
        need = -(-tensor.nbytes // _ALIGNMENT) * _ALIGNMENT
        if self._slab is None or self._used + need > self._slab.nbytes:
            self._size = min(2 * self._size, _LARGEST_SLAB)
            self._slab, self._used = pinned(max(self._size, need)), 0
        place = self._slab[self._used : self._used + tensor.nbytes]
        self._used += need
        return place.view(tensor.dtype).view(tensor.shape)

    def finish(self) -> None:
        """What is asked for later comes from a new slab; this one goes with its last tensor."""
        self._slab, self._size = None, _SMALLEST_SLAB // 2


def pinned(size: int) -> torch.Tensor:
    """Bytes that are pinned, or where the system does not pin that much, ordinary ones: copies then wait."""
    try:
        return torch.empty(size, dtype=torch.uint8, pin_memory=True)
    except RuntimeError:
        return torch.empty(size, dtype=torch.uint8)
