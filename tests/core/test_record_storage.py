"""The three homes of a record: what is put is got, in any order and mode, and nothing is left behind."""

import gc
import sys
import threading
from pathlib import Path

import pytest
import torch
from p2p.p2p_core import record_disk, record_storage
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.record_precision import bytes_of, decoded, encoded
from p2p.p2p_core.record_storage import RecordStorage

HOMES = ("device", "memory", "file")
PRECISIONS = ("fp32", "fp16", "int8")
NAMES = tuple(f"cross/0/14.6146/0/0/input.4.{number}" for number in range(30))
CPU = torch.device("cpu")


def tensors() -> dict[str, torch.Tensor]:
    noise = torch.Generator().manual_seed(0)
    return {name: torch.randn(2, 9 + number, 5, generator=noise) for number, name in enumerate(NAMES)}


def filled(tmp_path, precision="fp32", home="file") -> RecordStorage:
    storage = RecordStorage(precision, home, tmp_path)
    for name, tensor in tensors().items():
        storage.put(name, tensor)
    return storage


def resident() -> int:
    """Bytes of memory that this process has."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("p2p-record")]


@pytest.fixture(params=HOMES)
def home(request):
    return request.param


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_is_put_is_got(tmp_path, home, precision):
    storage = filled(tmp_path, precision, home)
    storage.finish()
    wanted = {name: decoded(encoded(tensor, precision), torch.float32) for name, tensor in tensors().items()}
    backwards_and_forwards = (*NAMES, *NAMES[::-1], NAMES[7], NAMES[7], NAMES[29], *NAMES[3:20:4])
    for name in backwards_and_forwards:
        assert torch.equal(storage.get(name, CPU, torch.float32), wanted[name]), name
    assert storage.get(NAMES[0], "cpu", torch.float16).dtype == torch.float16
    assert storage.names() == NAMES and NAMES[0] in storage and "cross/0" not in storage
    assert storage.nbytes == sum(bytes_of(tensor.shape, precision) for tensor in wanted.values())
    assert storage.ram_bytes == (0 if home == "file" else storage.nbytes)
    storage.close()


@pytest.mark.parametrize("inference", [True, False])
def test_it_is_read_into_a_tensor_of_either_mode(tmp_path, home, inference):
    storage = filled(tmp_path, "int8", home)
    with torch.inference_mode(inference):
        for name, tensor in tensors().items():
            out = torch.empty_like(tensor, dtype=torch.float16)
            storage.read_into(name, out)
            assert torch.equal(out, storage.get(name, CPU, torch.float16))
    storage.close()


def test_it_is_read_while_it_is_written(tmp_path, home):
    storage = RecordStorage("fp32", home, tmp_path)
    for name, tensor in tensors().items():
        storage.put(name, tensor)
        assert torch.equal(storage.get(name, CPU, torch.float32), tensor)
        tensor.zero_()
    storage.close()


def test_in_both_modes(tmp_path, home):
    """Made in inference mode, used outside of it where gradients are taken, and the other way round."""
    storage = RecordStorage("fp32", home, tmp_path)
    with torch.inference_mode():
        storage.put("a", torch.ones(1, 2, 3))
    storage.put("b", torch.ones(1, 2, 3, requires_grad=True) * 2)
    with torch.inference_mode():
        assert (storage.get("b", CPU, torch.float32) * 2).sum() == 24
    weight = torch.ones(3, requires_grad=True)
    (storage.get("a", CPU, torch.float32) * weight).sum().backward()
    assert weight.grad is not None and not storage.get("b", CPU, torch.float32).requires_grad
    storage.close()


def test_dropping(tmp_path, home):
    storage = filled(tmp_path, home=home)
    storage.get(NAMES[0], CPU, torch.float32)
    storage.drop((*NAMES[1:15], "unknown"))
    assert storage.names() == (NAMES[0], *NAMES[15:])
    assert torch.equal(storage.get(NAMES[15], CPU, torch.float32), tensors()[NAMES[15]])
    with pytest.raises(KeyError):
        storage.get(NAMES[1], CPU, torch.float32)
    storage.drop(storage.names())
    assert storage.nbytes == storage.ram_bytes == 0
    storage.close()


def test_closing(tmp_path, home):
    storage = filled(tmp_path, home=home)
    storage.get(NAMES[0], CPU, torch.float32)
    storage.close()
    storage.close()
    storage.finish()
    assert storage.names() == () and not list(tmp_path.iterdir()) and not threads()
    with pytest.raises(ValueError, match="nothing is added"):
        storage.put("a", torch.ones(1, 1, 1))


def test_garbage_collection_closes(tmp_path):
    storage = filled(tmp_path)
    storage.itself = storage
    file = storage._keeper._disk._file
    storage.get(NAMES[0], CPU, torch.float32)
    own = threads()
    del storage
    gc.collect()
    for thread in own:
        thread.join(5)
    assert file.closed and own and not threads()


@pytest.mark.parametrize(
    ("name", "tensor"),
    [("", None), ("a//b", None), ("../a b", None), ("a" * 201, None), ("a\n", None), ("b", None), ("c", "whole")],
)
def test_what_is_not_recorded(name, tensor):
    storage = RecordStorage("fp32", "device")
    storage.put("b", torch.ones(1, 1, 1))
    with pytest.raises(ValueError):
        storage.put(name, torch.ones(1, 1, 1).int() if tensor else torch.ones(1, 1, 1))
    assert storage.names() == ("b",)


@pytest.mark.parametrize("arguments", [("fp8", "device"), ("fp32", "gpu")])
def test_unknown_choices(arguments):
    with pytest.raises(ValueError, match="no such"):
        RecordStorage(*arguments)


class TestAhead:
    @staticmethod
    def started(storage) -> list[str]:
        """The names that set out, in order; wraps the home's fetch."""
        names = {id(entry.kept): name for name, entry in storage._entries.items()}
        fetch, started = storage._keeper.fetch, []
        storage._keeper.fetch = lambda kept, device: (started.append(names[id(kept)]), fetch(kept, device))[1]
        return started

    def test_the_next_ones_set_out_and_none_twice(self, tmp_path):
        storage = filled(tmp_path)
        started = self.started(storage)
        storage.get(NAMES[0], CPU, torch.float32)
        assert started == list(NAMES[:9])
        for name in NAMES[1:]:
            storage.get(name, CPU, torch.float32)
        assert started == list(NAMES) and not storage._ahead
        storage.close()

    def test_neighbours_may_change_places(self, tmp_path):
        storage = filled(tmp_path)
        started = self.started(storage)
        for place in (0, 2, 1, 4, 3, 5, 6):
            storage.get(NAMES[place], CPU, torch.float32)
        assert len(started) == len(set(started))
        storage.close()

    def test_the_same_ones_again(self, tmp_path):
        storage = filled(tmp_path)
        started = self.started(storage)
        for name in (*NAMES[:4], *NAMES[:4]):
            storage.get(name, CPU, torch.float32)
        assert started[:12] == list(NAMES[:12]) and started[12:16] == list(NAMES[:4])
        storage.close()

    def test_a_jump_forgets_what_was_on_its_way(self, tmp_path):
        storage = filled(tmp_path)
        storage.get(NAMES[0], CPU, torch.float32)
        storage.get(NAMES[20], CPU, torch.float32)
        assert {name for name, _ in storage._ahead} == set(NAMES[21:29])
        storage.close()

    def test_not_more_bytes_than_are_wanted_there(self, tmp_path, monkeypatch):
        monkeypatch.setattr(record_storage, "_MOST_BYTES_AHEAD", 2 * 20 * 5 * 4)
        storage = filled(tmp_path)
        storage.get(NAMES[0], CPU, torch.float32)
        assert [name for name, _ in storage._ahead] == [NAMES[1]]
        storage.close()

    def test_on_the_cpu_nothing_is_copied(self):
        for home in ("device", "memory"):
            storage = filled(None, home=home)
            first = storage.get(NAMES[0], CPU, torch.float32)
            assert first.data_ptr() == storage.get(NAMES[0], CPU, torch.float32).data_ptr() and not storage._ahead


class TestDisk:
    @pytest.mark.skipif(sys.platform != "linux", reason="what a process has is read from /proc, which only Linux has")
    def test_memory_stays_flat(self, tmp_path, monkeypatch):
        """96 MiB through a queue of 4."""
        monkeypatch.setattr(record_disk, "_MOST_PENDING", 2**22)
        storage = RecordStorage("fp32", "file", tmp_path)
        tensor = torch.rand(1, 1024, 512)
        storage.put("warm", tensor)
        before = most = resident()
        for number in range(48):
            storage.put(str(number), tensor)
            most = max(most, resident())
        for number in range(48):
            storage.get(str(number), CPU, torch.float32)
            most = max(most, resident())
        assert storage.nbytes == 49 * tensor.nbytes and most - before < 48 * 2**20
        storage.close()

    def test_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(P2PError, match=r"cannot be written to .+nowhere: No such file .+keep the record in memory"):
            RecordStorage("fp32", "file", tmp_path / "nowhere")

    def test_a_full_disk(self, tmp_path):
        resource = pytest.importorskip("resource")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        storage = RecordStorage("fp32", "file", tmp_path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        try:
            with pytest.raises(P2PError, match="cannot be written to"):
                for name, tensor in tensors().items():
                    storage.put(name, tensor.repeat(1, 9, 9))
                storage.finish()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        storage.close()
        assert not threads()
