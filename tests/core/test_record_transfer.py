"""The order of copies on a device with streams, on a stand-in whose copies happen only when somebody waits for them."""

from collections.abc import Callable
from contextlib import contextmanager

import pytest
import torch
from p2p.p2p_core import record_homes, record_transfer
from p2p.p2p_core.record_storage import RecordStorage
from p2p.p2p_core.record_transfer import PinnedMemory, SideStream, module_with_streams
from torch.utils._python_dispatch import TorchDispatchMode

ACCELERATOR = torch.device("cpu", 0)  # tensors copied to it are new ones, and say "cpu"
NAMES = [f"cross/{number}" for number in range(12)]


class Stream:
    """Copies queue; those of the current stream happen at once."""

    def __init__(self, device=None) -> None:
        self.queue: list[Callable[[], object]] = []
        self.waited_for: list[Event] = []

    def wait_event(self, event) -> None:
        self.waited_for.append(event)
        if self is Module.current:
            event.synchronize()

    def synchronize(self) -> None:
        while self.queue:
            self.queue.pop(0)()


class Event:
    def __init__(self) -> None:
        self.stream, self.work = None, []

    def record(self, stream) -> None:
        self.stream, self.work = stream, list(stream.queue)

    def synchronize(self) -> None:
        for copy in self.work:
            if copy in self.stream.queue:
                self.stream.queue.remove(copy)
                copy()


class Late(TorchDispatchMode):
    def __init__(self, stream) -> None:
        super().__init__()
        self._stream = stream

    def __torch_dispatch__(self, function, types, arguments=(), settings=None):
        name = function.__name__.split(".")[0]
        if name == "copy_":
            to, of = arguments[:2]
        elif name == "_to_copy":
            to, of = torch.full_like(arguments[0], 77), arguments[0]
        else:
            return function(*arguments, **settings or {})
        self._stream.queue.append(lambda: to.copy_(of))
        return to


class Module:
    Stream, Event = Stream, Event
    current: Stream
    kept_for: list[tuple]

    @staticmethod
    def current_stream(device) -> Stream:
        return Module.current

    @staticmethod
    @contextmanager
    def stream(stream):
        with Late(stream):
            yield


@pytest.fixture(autouse=True)
def device_with_streams(monkeypatch):
    Module.current, Module.kept_for = Stream(), []
    monkeypatch.setattr(record_homes, "module_with_streams", lambda device: Module)

    def keep_for(copy, stream) -> None:
        Module.kept_for.extend((tensor.data_ptr(), stream) for tensor in copy.tensors)

    monkeypatch.setattr(SideStream, "_keep_for", staticmethod(keep_for))


def tensor_of(name: str) -> torch.Tensor:
    return torch.full((1, 4, 2), float(name.split("/")[-1]))


def recorded(home, precision="fp32") -> RecordStorage:
    storage = RecordStorage(precision, home)
    for name in NAMES:
        storage.put(name, tensor_of(name))
    return storage


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("home", ["memory", "file"])
@pytest.mark.parametrize("finishes", [True, False])
def test_nothing_is_used_before_it_is_there(home, precision, finishes):
    storage = recorded(home, precision)
    if finishes:
        storage.finish()
    for name in (*NAMES, *NAMES[::-1], NAMES[3], NAMES[3]):
        for device in (ACCELERATOR, "cpu"):
            assert torch.allclose(storage.get(name, device, torch.float32), tensor_of(name)), (name, device)
    storage.close()


def test_the_host_waits_for_nothing_while_it_records(monkeypatch):
    storage = recorded("memory")
    (side,) = storage._keeper._streams._streams.values()
    assert len(side._stream.queue) == len(NAMES)
    storage.finish()
    assert not side._stream.queue


def test_copies_come_behind_the_work_that_made_their_tensors():
    storage = recorded("memory", "int8")
    (side,) = storage._keeper._streams._streams.values()
    assert [event.stream for event in side._stream.waited_for] == [Module.current] * len(NAMES)
    assert [stream for _, stream in Module.kept_for] == [side._stream] * 2 * len(NAMES)


def test_what_is_used_lives_for_the_stream_that_uses_it():
    storage = recorded("memory")
    storage.finish()
    Module.kept_for.clear()
    used = storage.get(NAMES[0], ACCELERATOR, torch.float32)
    assert Module.kept_for == [(used.data_ptr(), Module.current)]
    side = storage._keeper._streams.of(ACCELERATOR)
    assert [event.stream for event in Module.current.waited_for] == [side._stream]


def test_the_next_ones_are_under_way():
    storage = recorded("memory")
    storage.finish()
    storage.get(NAMES[0], ACCELERATOR, torch.float32)
    assert len(storage._keeper._streams.of(ACCELERATOR)._stream.queue) == 8


def test_a_kind_that_is_not_read_stays_where_it_is():
    storage = RecordStorage("fp32", "memory")
    for name in NAMES:
        storage.put(f"self/{name}", tensor_of(name))
        storage.put(name, tensor_of(name))
    storage.finish()
    for name in NAMES[:3]:
        storage.get(name, ACCELERATOR, torch.float32)
    assert {name for name, _ in storage._ahead} == set(NAMES[3:11])


def test_devices_without_streams(monkeypatch):
    monkeypatch.setattr(record_homes, "module_with_streams", lambda device: None)
    for home in ("device", "memory", "file"):
        storage = recorded(home)
        assert torch.equal(storage.get(NAMES[5], ACCELERATOR, torch.float32), tensor_of(NAMES[5]))
        storage.close()
    assert module_with_streams(torch.device("cpu")) is None and module_with_streams(torch.device("meta")) is None


def test_pinned_memory_is_taken_in_slabs(monkeypatch):
    sizes: list[int] = []

    def counted(size):
        sizes.append(size)
        return torch.empty(size, dtype=torch.uint8)

    monkeypatch.setattr(record_transfer, "pinned", counted)
    memory, places = PinnedMemory(), []
    for shape in [(7,), (3, 5), (0,), (2**17,), (2**17,), (2**22,), ()]:
        places.append(memory.room(torch.empty(shape)).fill_(len(places)))
        assert tuple(places[-1].shape) == shape
    assert all(place.storage_offset() * place.itemsize % 512 == 0 for place in places)
    assert all((place == number).all() for number, place in enumerate(places))
    assert sizes == [2**20, 2**21, 2**24, 2**23]
    memory.finish()
    memory.room(torch.empty(1))
    assert sizes[-1] == 2**20
