"""A run of a real server that is interrupted anywhere leaves nothing, and the next one is as if it had not been."""

import random
import time

import pytest
from p2p.tests.endurance.counts import count
from p2p.tests.endurance.faults_figures import memory, note
from p2p.tests.endurance.faults_graphs import KINDS, SAMPLER, STEPS, plain
from p2p.tests.endurance.faults_server import differing
from p2p.tests.endurance.faults_socket import watching

INTERRUPTS = count(100, 5)
SEED = 31


@pytest.fixture(scope="module")
def undisturbed(faulty):
    """What every kind of edit makes, and a run without any, before anything is interrupted."""
    return {name: faulty.made(kind(SEED)) for name, kind in KINDS.items()} | {"plain": faulty.made(plain(SEED))}


def test_interrupted_at_any_moment(faulty, undisturbed):
    chance = random.Random(5)
    order = list(KINDS)
    chance.shuffle(order)
    at_rest = faulty.probe()
    stopped, found = 0, []
    for number in range(INTERRUPTS):
        name = order[number % len(order)]
        was_stopped = _interrupt(faulty, name, chance)
        stopped += was_stopped
        if not was_stopped:
            faulty.probe()  # the sampler had ended before, so that the host has this graph in its cache
        after = name if number % 4 else "plain"  # the next run is mostly the same edit, else the model alone
        graph = plain(SEED) if after == "plain" else KINDS[name](SEED)
        assert differing(faulty.made(graph), undisturbed[after]) == [], f"after interrupt {number} of {name}"
        found.append(faulty.probe())
        assert found[-1]["state"] == [], name
        assert found[-1]["on_model"] == at_rest["on_model"], name
        assert found[-1]["identity"] == at_rest["identity"]
    note("interrupts", interrupts=INTERRUPTS, stopped_while_sampling=stopped, memory=memory(found))
    assert stopped >= 0.8 * INTERRUPTS
    assert {(look["tensors"], look["bytes"]) for look in found} == {(at_rest["tensors"], at_rest["bytes"])}
    assert _later_is_no_more(found)


def _interrupt(faulty, name: str, chance: random.Random) -> bool:
    """Queue an edit and press the button at some moment of it; tell whether that stopped the sampler."""
    with watching(faulty.url, "interrupting") as client:
        identity = faulty.queue(KINDS[name](SEED), "interrupting")
        client.reach(identity, chance.randrange(1, STEPS))
        time.sleep(chance.random() * 0.1)
        faulty.interrupt()
        ended = faulty.ended(identity)
    assert SAMPLER not in ended.cached
    assert ended.outcome in ("interrupted", "success"), ended.message
    return ended.outcome == "interrupted" and ended.message["node_id"] == SAMPLER


def _later_is_no_more(found: list[dict]) -> bool:
    """Memory of the last quarter of the runs is that of the second quarter: what grows with every run is seen."""
    quarter = len(found) // 4
    if quarter < 10:
        return True  # too few to tell
    early, late = ([look["resident"] for look in part] for part in (found[quarter : 2 * quarter], found[-quarter:]))
    return sum(late) / sum(early) < 1.01
