"""The homes of a record where there is an accelerator: nothing is read too early, written too late, or waited for."""

import pytest
import torch
from p2p.p2p_core.record_precision import decoded, encoded
from p2p.p2p_core.record_storage import RecordStorage
from p2p.p2p_core.record_transfer import module_with_streams

ACCELERATOR = torch.accelerator.current_accelerator() if hasattr(torch, "accelerator") else None
pytestmark = pytest.mark.skipif(
    ACCELERATOR is None or module_with_streams(ACCELERATOR) is None,
    reason="this machine has no accelerator with streams",
)
COUNT = 200


@pytest.fixture
def busy():
    """Work that keeps the device busy for a while."""
    large = torch.randn(4096, 4096, device=ACCELERATOR)

    def work(times: int = 20) -> None:
        for _ in range(times):
            large @ large

    return work


@pytest.mark.parametrize("home", ["device", "memory", "file"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_what_is_put_is_got_behind_other_work(busy, home, precision):
    wanted = [torch.randn(1, 1024, 320) for _ in range(COUNT)]
    storage = RecordStorage(precision, home)
    with torch.inference_mode():
        state = torch.empty(1, 1024, 320, device=ACCELERATOR)
        sources = [tensor.to(ACCELERATOR) for tensor in wanted]
        for place, source in enumerate(sources):
            if place % 10 == 0:
                busy()
            state.copy_(source)
            storage.put(f"cross/{place}", state)
            state.fill_(torch.nan)
        storage.finish()
        assert storage.ram_bytes == (storage.nbytes if home == "memory" else 0)
        for place in (*range(COUNT), *range(COUNT - 1, -1, -3)):
            if place % 50 == 0:
                busy()
            found = storage.get(f"cross/{place}", ACCELERATOR, torch.float32)
            kept = decoded(encoded(sources[place], precision), torch.float32)
            assert torch.equal(found, kept), place
            assert torch.equal(storage.get(f"cross/{place}", "cpu", torch.float32), kept.cpu())
    storage.close()


@pytest.mark.parametrize("home", ["device", "memory"])
def test_the_host_does_not_wait(busy, home):
    module = module_with_streams(ACCELERATOR)
    storage = RecordStorage("fp16", home)
    state = torch.randn(1, 1024, 320, device=ACCELERATOR)
    for place in range(COUNT):  # what is set up once
        storage.put(f"warm/{place}", state)
    storage.get("warm/0", ACCELERATOR, torch.float16)
    storage.finish()
    storage.drop(storage.names())
    for place in range(10):
        storage.put(f"read/{place}", state)
    storage.finish()
    module.synchronize()
    busy(300)
    storage.get("read/0", ACCELERATOR, torch.float16)
    storage.get("read/1", ACCELERATOR, torch.float16)
    there = module.Event()
    there.record(module.current_stream(ACCELERATOR))
    assert not there.query()
    storage.close()
