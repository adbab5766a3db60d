"""Anything may fail inside a patch, for one as lack of memory: the next run is as if nothing had."""

import random

import comfy.model_management
import comfy.samplers
import pytest
import torch
from p2p.tests.endurance.counts import SOAK, count
from p2p.tests.endurance.faults_figures import memory, note
from p2p.tests.endurance.faults_graphs import KINDS as GRAPHS
from p2p.tests.endurance.faults_graphs import MODEL, SAMPLER, STEPS, node, with_inputs
from p2p.tests.endurance.faults_in_process import failing, sampled, state_alive, watched
from p2p.tests.endurance.faults_nodes import PLACES
from p2p.tests.endurance.faults_server import differing
from p2p.tests.host.graph import applied, empty_latent
from p2p.tests.host.kinds import KINDS
from p2p.tests.host.tiny_models import sdxl_shaped

PER_KIND = count(25, 1)
ERRORS = (torch.OutOfMemoryError, RuntimeError)
PER_PLACE = count(8, 1)
ONCE_A_STEP = ("after the model", "after a step")
SERVED = ("local blend", "refine with windows of words", "store, live", "several targets")
SEED = 61


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("smallest")


def test_what_the_host_calls_out_of_memory():
    assert comfy.model_management.OOM_EXCEPTION is torch.OutOfMemoryError


@pytest.mark.parametrize("name", KINDS if SOAK else ["blend", "combine"])
def test_any_operation_inside_a_patch_fails(small, name):
    model, clip, _ = small
    patched, *inputs = applied(model, clip, KINDS[name](clip), empty_latent(64, 64))
    watching, store = watched(patched)
    sampler = comfy.samplers.sampler_object("euler_ancestral")
    undisturbed = sampled(watching, *inputs, sampler)
    recorded = [row.maps for row in store.record.rows]
    with failing() as counted:
        assert torch.equal(sampled(watching, *inputs, sampler), undisturbed)
    assert counted.count > 100
    chance, places = random.Random(name), set()
    for number in range(PER_KIND):
        error = ERRORS[number % len(ERRORS)]
        with failing(chance.randint(1, counted.count), error) as failed, pytest.raises(error, match="on purpose"):
            sampled(watching, *inputs, sampler)
        places.add(failed.place)
        assert state_alive() == [], failed.place
        assert store.record is None, failed.place  # neither of the run that failed nor of the one before
        assert torch.equal(sampled(watching, *inputs, sampler), undisturbed), failed.place
        assert all(torch.equal(row.maps, old) for row, old in zip(store.record.rows, recorded, strict=True))
    note("operations inside patches", kind=name, operations=counted.count, failures=PER_KIND, places=sorted(places))


def _failing_graph(kind: str, where: str, error: str, call: int) -> dict:
    """The edit on a model that raises; the store is after the edit, as people have it."""
    patch = node("FaultsRaise", model=[MODEL, 0], where=where, error=error, call=call)
    return with_inputs({**GRAPHS[kind](SEED), "raise": patch}, "apply", model=["raise", 0])


@pytest.mark.parametrize("where", PLACES if SOAK else ["attn2 replaced"])
def test_a_server_where_something_raises(faulty, where):
    """What other packs put on the model runs inside our patches, or beside them."""
    chance, found = random.Random(where), []
    names = [chance.choice(SERVED) for _ in range(PER_PLACE)]
    undisturbed = {name: faulty.made(GRAPHS[name](SEED)) for name in sorted({*names})}
    at_rest = faulty.probe()
    calls = STEPS if where in ONCE_A_STEP else STEPS * at_rest["layers"]
    for number, name in enumerate(names):
        graph = _failing_graph(name, where, ("out of memory", "exception")[number % 2], chance.randint(1, calls))
        ended = faulty.ended(faulty.queue(graph))
        assert ended.outcome == "error", (where, name)
        assert (ended.message["node_id"], "on purpose" in ended.message["exception_message"]) == (SAMPLER, True)
        assert differing(faulty.made(GRAPHS[name](SEED)), undisturbed[name]) == [], (where, name)
        found.append(faulty.probe())
        assert found[-1]["state"] == []
        assert {key: now for key, now in found[-1]["on_model"].items() if now != at_rest["on_model"][key]} == {}
    assert {(look["tensors"], look["bytes"]) for look in found} == {(at_rest["tensors"], at_rest["bytes"])}
    note("something raises in a server", where=where, failures=PER_PLACE, memory=memory(found))
