"""Counts what a run does: operations, launches, allocations, bytes, arithmetic, and waits for the device.

Counts are exact and the same on every machine, so that a regression shows in them at once, unlike in seconds.
"""

import functools
import weakref
from dataclasses import dataclass, fields, replace

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

_ONLY_ALLOCATE = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")
_WHOLE = "upsample"  # one kernel on a device; torch has it in parts too, for compilers
_READS = ("_local_scalar_dense", "equal", "nonzero", "is_nonzero")


@dataclass
class Counts:
    """What was counted so far.

    Attributes:
        operations: calls of any operation on tensors, views too.
        launches: those that compute or copy; on a CUDA device each is one kernel, some few.
        allocations: of new memory.
        allocated_bytes: their sum.
        live_bytes, peak_bytes: memory that is held, now and at most; without weights, and without what the libraries
            that do matrix products and convolutions take for themselves.
        flops: of matrix products, convolutions and attention, a multiplication and an addition being two.
        reads: values that the program asked the device for, and waited for.
    """

    operations: int = 0
    launches: int = 0
    allocations: int = 0
    allocated_bytes: int = 0
    live_bytes: int = 0
    peak_bytes: int = 0
    flops: int = 0
    reads: int = 0

    def since(self, before: "Counts") -> "Counts":
        """What was added after a copy of these counts was taken; live and peak bytes stay what they are."""
        kept = ("live_bytes", "peak_bytes")
        added = {
            field.name: getattr(self, field.name) - getattr(before, field.name)
            for field in fields(self)
            if field.name not in kept
        }
        return replace(self, **added)


class Counting(TorchDispatchMode):
    """While entered, counts what happens on tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counts()
        self._held: dict[int, weakref.ref] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if not func.overloadpacket.__name__.startswith(_WHOLE):
            with self:  # in inference mode operations come whole that consist of others, which are to be counted
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        self._count(func, args, kwargs, result)
        return result

    def _count(self, func, args, kwargs, result) -> None:
        counts, name = self.counts, func.overloadpacket.__name__
        counts.operations += 1
        before = {_storage_id(tensor) for tensor in _tensors((args, kwargs))}
        new = [tensor for tensor in _tensors(result) if _storage_id(tensor) not in before]
        for tensor in new:
            self._hold(tensor.untyped_storage())
        if name in _READS:
            counts.reads += 1
        elif (new or _writes(func)) and name not in _ONLY_ALLOCATE:
            counts.launches += 1
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            counts.flops += formula(*args, **kwargs, out_val=result)

    def _hold(self, storage: torch.UntypedStorage) -> None:
        size, key = storage.nbytes(), storage._cdata
        if not size or key in self._held:
            return
        counts = self.counts
        counts.allocations += 1
        counts.allocated_bytes += size
        counts.live_bytes += size
        counts.peak_bytes = max(counts.peak_bytes, counts.live_bytes)
        self._held[key] = weakref.ref(storage, functools.partial(self._release, key, size))

    def _release(self, key: int, size: int, _: weakref.ref) -> None:
        if self._held.pop(key, None) is not None:
            self.counts.live_bytes -= size


def _tensors(tree) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _storage_id(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _writes(func) -> bool:
    return any(argument.alias_info is not None and argument.alias_info.is_write for argument in func._schema.arguments)
