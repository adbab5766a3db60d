"""What an edit costs, in counts that are the same on every machine: full-size SDXL at 1024², shapes only, in fp16."""

import pytest
import torch
from p2p.benchmarks.counted import Counter, Size
from p2p.benchmarks.counting import Counting
from p2p.benchmarks.edits import CASES, edited, plain
from p2p.benchmarks.measure import STORE, counted_entries
from p2p.benchmarks.models import SD15, SDXL, text_encoder
from p2p.benchmarks.shapes_only import on_meta
from p2p.p2p_core import row_edits

LARGE = Size(1024, 1024)
# The most that a case may add to plain sampling of the same rows in two steps, of which the second is outside of the
# self-attention's window: launches per step, MiB at the peak, part of the arithmetic. One term costs a layer one gather
# for each kind of attention, and the rest is what is made once a model call or a run.
BOUNDS = {
    "replace": (80, 16, 1e-4),
    "replace + self-injection": (115, 16, 1e-4),
    "reweight": (115, 16, 1e-4),
    "refine": (700, 64, 0.01),
    "word windows": (700, 64, 0.01),
    "move": (460, 64, 0.01),
    "local blend": (800, 96, 0.01),
    "store of 5 words": (790, 96, 0.01),
    "all together": (2650, 96, 0.01),
}


@pytest.fixture(scope="module")
def counter():
    with torch.inference_mode():
        return Counter(SDXL, steps=2)


@pytest.mark.parametrize("name", BOUNDS)
def test_an_edit_stays_within_its_bounds(counter, name):
    launches, peak, flops = BOUNDS[name]
    entry = counter.count(name, LARGE)
    added = entry["launches_per_step"] - entry["launches_per_step_plain"]
    assert 0 < added <= launches
    assert entry["peak_mib_above_plain"] <= peak
    assert 0 <= entry["flops_ratio"] - 1 <= flops


def test_an_edit_from_a_record_costs_half_of_its_pair(counter):
    """What it reads of the record goes to its rows in one copy a layer, and nothing else is made."""
    entry = counter.count("edit from a record", LARGE)
    assert entry["flops_ratio"] == pytest.approx(0.5, abs=1e-4)
    assert entry["launches_per_step"] - entry["launches_per_step_plain"] <= 215
    assert entry["allocated_ratio"] <= 0.53
    assert entry["peak_mib_above_plain"] <= -256


def test_the_device_is_asked_once_a_model_call(counter):
    """Which step the call belongs to."""
    entry = counter.count("replace", LARGE)
    assert entry["device_reads_per_step"] - entry["device_reads_per_step_plain"] == 1


def test_seven_targets_cost_what_their_rows_cost(counter):
    entry = counter.count("replace + self-injection, 7 targets", LARGE)
    assert entry["rows"] == 8
    assert entry["flops_ratio"] <= 1.0001
    pair = counter.count("replace + self-injection", LARGE)
    assert entry["flops_per_step"] / pair["flops_per_step"] == pytest.approx(4, rel=0.01)


def test_the_published_method_takes_five_gibibytes_more():
    wanted = [("replace + self-injection", LARGE)]
    ours, without, kept = counted_entries(SDXL, 2, wanted, wanted)
    assert kept["variant"].endswith(STORE)
    assert kept["peak_mib_above_plain"] - ours["peak_mib_above_plain"] >= 5 * 1024
    assert without["peak_mib_above_plain"] > 1024


class TestCounting:
    """What the counts stand on."""

    def test_memory_is_what_is_held_at_once(self):
        with Counting() as counting:
            first = torch.ones(1024)
            second = first * 2
            del first
            third = second[:10] + 1
        counts = counting.counts
        assert (counts.allocations, counts.allocated_bytes) == (3, 4096 + 4096 + 40)
        assert (counts.peak_bytes, counts.live_bytes) == (8192, 4136)
        del second, third
        assert counts.live_bytes == 0

    def test_views_are_no_launches(self):
        data = torch.ones(4, 4)
        with Counting() as counting:
            data.T[1:].reshape(-1)
            data.view(16)
        assert counting.counts.operations > counting.counts.launches == 1  # the copy that the reshape needs

    def test_arithmetic_and_reads(self):
        left, right = torch.ones(2, 3), torch.ones(3, 5)
        with Counting() as counting:
            float((left @ right).sum())
        assert (counting.counts.flops, counting.counts.reads) == (2 * 2 * 3 * 5, 1)

    def test_a_regression_shows(self, counter, monkeypatch):
        """One more gather per layer, as a careless change would make it."""
        look = row_edits.RowEdits.look
        monkeypatch.setattr(row_edits.RowEdits, "look", lambda edits, *given: look(edits, *given).clone())
        entry = counter.count("replace", LARGE)
        assert entry["launches_per_step"] - entry["launches_per_step_plain"] > BOUNDS["replace"][0]


@pytest.fixture(scope="module")
def smaller():
    with torch.inference_mode():
        return on_meta(SD15, torch.float16), text_encoder(SD15)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_plain_sampling_has_the_same_rows(smaller, case):
    """A pair of the bench differs in the edit and in nothing else."""
    base, ours = plain(case, *smaller, 512, 512), edited(case, *smaller, 512, 512)
    assert torch.equal(base.positive[0][0], ours.positive[0][0])
    assert base.latent["samples"].shape == ours.latent["samples"].shape
    assert len(base.positive[0][0]) == 1 + case.targets
