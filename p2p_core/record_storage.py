"""What a source run leaves behind for later edits: many tensors under names, written once, then read in that order.

A record is written while a picture is sampled and read while others are, so neither may hold the device up: what is
kept elsewhere leaves beside the computation, and when one tensor is read, those of its kind (the first part of its
name) that were recorded after it set out: an edit may read one kind of attention and not the other.
"""

import re
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch

from .record_disk import Disk
from .record_homes import HOST, InFile, InMemory, Keeper, Kept, OnDevice, OnDisk, Stretch
from .record_precision import Encoded, Precision, bytes_of, decode_into, decoded, encoded
from .record_transfer import Arriving

Home = Literal["device", "memory", "file"]

LONGEST_NAME = 200
_NAME = re.compile(r"[A-Za-z0-9_.+-]+(/[A-Za-z0-9_.+-]+)*")
_MOST_AHEAD, _MOST_BYTES_AHEAD = 8, 2**26


@dataclass(frozen=True)
class _Entry:
    """``place``: among the names of its kind, in recorded order."""

    place: int
    shape: tuple[int, ...]
    kept: Kept


class RecordStorage:
    """The tensors of one record. Several threads may use it at once."""

    def __init__(self, precision: Precision, home: Home, folder: Path | str | None = None) -> None:
        """``folder``: of the file, which is temporary; the system's own without it.

        Raises:
            P2PError: a folder that cannot be written to.
        """
        if precision not in get_args(Precision) or home not in get_args(Home):
            raise ValueError(f"{precision}, {home}: no such precision, or no such home")
        self._begin(precision, home, _keeper(home, folder), is_complete=False)

    @classmethod
    def of_file(cls, precision: Precision, disk: Disk, stretches: Mapping[str, Sequence[Stretch]]) -> "RecordStorage":
        """What stands in a file that is there; nothing is added to it, and it outlives the storage.

        Args:
            stretches: per name, in recorded order, the values and, for int8, their scales.
        """
        storage = cls.__new__(cls)
        storage._begin(precision, "file", OnDisk(disk, is_trusted=False), is_complete=True)
        for name, parts in stretches.items():
            storage._enter(name, parts[0].shape, InFile(tuple(parts)))
        return storage

    def _begin(self, precision: Precision, home: Home, keeper: Keeper, is_complete: bool) -> None:
        self.precision: Precision = precision
        self.home: Home = home
        self._keeper, self._is_complete = keeper, is_complete
        self._entries: dict[str, _Entry] = {}
        self._names: dict[str, list[str | None]] = {}  # by kind and place; None where it was dropped
        self._ahead: dict[tuple[str, torch.device], Arriving] = {}
        self._furthest: dict[tuple[str, torch.device], int] = {}  # place of a kind that has set out
        self._lock = threading.RLock()
        self._end = weakref.finalize(self, keeper.close, False)

    def put(self, name: str, tensor: torch.Tensor) -> None:
        """Keep a tensor of floating point, (…, tokens, channels), on any device. It may be changed afterwards.

        Raises:
            P2PError: a disk that does not take it.
            ValueError: a malformed name or one that is there, a tensor of whole numbers, or a record that is closed.
        """
        if not is_name(name):
            raise ValueError(f"{name!r} is no name of a recorded tensor")
        if not tensor.is_floating_point():
            raise ValueError(f"{name} is of {tensor.dtype}: only floating point is recorded")
        with self._lock, _ordinary_tensors():
            if self._is_complete or not self._end.alive:
                raise ValueError("nothing is added to this record any more")
            if name in self._entries:
                raise ValueError(f"{name} is recorded already")
            kept = self._keeper.keep(encoded(tensor, self.precision))
            self._enter(name, tuple(tensor.shape), kept)

    def _enter(self, name: str, shape: tuple[int, ...], kept: Kept) -> None:
        names = self._names.setdefault(_kind(name), [])
        self._entries[name] = _Entry(len(names), shape, kept)
        names.append(name)

    def get(self, name: str, device: torch.device | str, dtype: torch.dtype) -> torch.Tensor:
        """What was put there, decoded on the device. To be read only: it may be what is kept itself.

        Raises:
            P2PError: a file that was cut off or is damaged.
            KeyError: no such name.
        """
        with _ordinary_tensors():
            return decoded(self._arriving(name, _with_index(torch.device(device))).wait(), dtype)

    def read_into(self, name: str, out: torch.Tensor) -> None:
        """Writes what was put there to a tensor of its shape. Raises as ``get`` does."""
        with _ordinary_tensors():
            arrived = self._arriving(name, out.device).wait()
        decode_into(arrived, out)  # in the caller's mode: ``out`` may be a tensor of inference mode

    def stored(self, name: str) -> Encoded:
        """What was put there as it is kept, in the memory of the host; nothing is fetched ahead."""
        with self._lock, _ordinary_tensors():
            self._keeper.finish()
            return self._keeper.fetch(self._entries[name].kept, HOST).wait()

    def shape_of(self, name: str) -> tuple[int, ...]:
        return self._entries[name].shape

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def names(self) -> tuple[str, ...]:
        """In recorded order."""
        return tuple(self._entries)

    def drop(self, names: Iterable[str]) -> None:
        """Forget some; names that are not there are passed over. A file keeps their room until it goes."""
        with self._lock:
            for name in names:
                if (entry := self._entries.pop(name, None)) is not None:
                    self._names[_kind(name)][entry.place] = None
            self._ahead = {key: arriving for key, arriving in self._ahead.items() if key[0] in self._entries}

    def finish(self) -> None:
        """After the run: all that was put is where it is kept.

        Raises:
            P2PError: a disk that did not take it all.
        """
        with self._lock:
            if self._end.alive:
                self._keeper.finish()

    def close(self) -> None:
        """Free everything; a temporary file goes. Idempotent, and done by garbage collection as well."""
        with self._lock:
            self._entries.clear()
            self._names.clear()
            self._ahead.clear()
            if self._end.detach() is not None:
                self._keeper.close()

    @property
    def nbytes(self) -> int:
        """Of all that is kept, wherever it is."""
        with self._lock:
            return sum(bytes_of(entry.shape, self.precision) for entry in self._entries.values())

    @property
    def ram_bytes(self) -> int:
        """Of what is kept in the memory of the host."""
        with self._lock:
            return sum(self._keeper.ram(entry.kept) for entry in self._entries.values())

    def _arriving(self, name: str, device: torch.device) -> Arriving:
        with self._lock:
            entry = self._entries[name]
            arriving = self._ahead.pop((name, device), None)
            if arriving is None:  # a first one, or a jump
                arriving = self._keeper.fetch(entry.kept, device)
                self._furthest[_kind(name), device] = entry.place
            if self._keeper.travels(device):
                self._fetch_ahead(_kind(name), entry.place, device)
            return arriving

    def _fetch_ahead(self, kind: str, place: int, device: torch.device) -> None:
        """Those of a kind after this place set out, each once; those that a jump has left behind are forgotten."""
        following = self._following(kind, place)
        near = {*following, *self._names[kind][max(place - _MOST_AHEAD, 0) : place]}
        self._ahead = {
            (name, to): arriving
            for (name, to), arriving in self._ahead.items()
            if to != device or _kind(name) != kind or name in near
        }
        for name in following:
            entry = self._entries[name]
            if entry.place > self._furthest[kind, device] and (name, device) not in self._ahead:
                self._ahead[name, device] = self._keeper.fetch(entry.kept, device)
            self._furthest[kind, device] = max(self._furthest[kind, device], entry.place)

    def _following(self, kind: str, place: int) -> list[str]:
        """In recorded order; at least one, where there is one."""
        names, size = [], 0
        for name in self._names[kind][place + 1 : place + 1 + _MOST_AHEAD]:
            if name is not None:
                size += bytes_of(self._entries[name].shape, self.precision)
                if names and size > _MOST_BYTES_AHEAD:
                    break
                names.append(name)
        return names


def is_name(name: str) -> bool:
    """Such as ``cross/0/14.6146/0/0/input.4.0``: letters, digits and ``_.+-``, in parts."""
    return len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None


def _kind(name: str) -> str:
    return name.partition("/")[0]


def _keeper(home: Home, folder: Path | str | None) -> Keeper:
    if home == "device":
        return OnDevice()
    if home == "memory":
        return InMemory()
    return OnDisk(Disk.temporary(None if folder is None else Path(folder)))


def _with_index(device: torch.device) -> torch.device:
    """As tensors name theirs."""
    return device if device.type == "cpu" or device.index is not None else torch.empty(0, device=device).device


@contextmanager
def _ordinary_tensors() -> Iterator[None]:
    """Without gradients, and such tensors as can be used in inference mode and outside of it.

    ComfyUI samples in inference mode, and gradients are taken outside of it; a tensor made inside could not be.
    """
    with torch.inference_mode(False), torch.no_grad():
        yield
