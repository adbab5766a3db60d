"""A client that goes away in the middle of a run, or stops listening: its run ends, and nobody else notices."""

import pytest
from p2p.tests.endurance.counts import count
from p2p.tests.endurance.faults_figures import memory, note
from p2p.tests.endurance.faults_graphs import KINDS, SAMPLER, STEPS, sampled, several, watched, with_inputs
from p2p.tests.endurance.faults_server import FaultyServer, differing
from p2p.tests.endurance.faults_socket import BadClient, watching

ROUNDS = count(20, 1)
STEPS_UNHEARD = count(200, 12)
LONG = 100
FULL = 1000  # bytes that a client has got and not read, of a buffer of 4096 that holds its own bookkeeping too
SEED, NEXT = 41, "reweight"


def _live_graph() -> dict:
    """Three targets, every word, every step: as much as there is to tell."""
    return watched(sampled(several(), SEED, "euler"))


def _closes(client: BadClient, faulty: FaultyServer, identity: str) -> None:
    client.reach(identity, STEPS // 3)
    client.close()


def _is_cut_off(client: BadClient, faulty: FaultyServer, identity: str) -> None:
    client.reach(identity, STEPS // 3)
    client.drop()


def _stops_reading(client: BadClient, faulty: FaultyServer, identity: str) -> None:
    """It goes away after the end of its run only: until then the server has somebody to tell who does not listen."""
    client.reach(identity, 1)
    faulty.ended(identity)
    client.drop()


WAYS = (_closes, _is_cut_off, _stops_reading)


@pytest.fixture(scope="module")
def undisturbed(faulty):
    with watching(faulty.url, "staying") as client:
        # Maps are paced by time: a short run on a fast machine has none.
        faulty.made(with_inputs(_live_graph(), SAMPLER, steps=LONG), "staying")
        assert any(message["type"] == "prompt_to_prompt.maps" for message in _all_of_a_run(client))
        live = faulty.made(_live_graph(), "staying")
    return live, faulty.made(KINDS[NEXT](SEED))


def _all_of_a_run(client: BadClient) -> list[dict]:
    seen = []
    for message in client.messages():
        seen.append(message)
        if message["type"] == "executing" and message["data"]["node"] is None:
            return seen
    raise AssertionError("the server closed the connection")


def test_a_client_that_goes_away(faulty, undisturbed):
    live, edited = undisturbed
    at_rest, found = faulty.probe(), []
    for number in range(ROUNDS * len(WAYS)):
        leave, name = WAYS[number % len(WAYS)], f"leaving_{number}"
        client = BadClient(faulty.url, name)
        identity = faulty.queue(_live_graph(), name)
        leave(client, faulty, identity)
        ended = faulty.ended(identity)
        assert ended.outcome == "success", ended.message
        assert SAMPLER not in ended.cached
        assert differing(ended.results, live) == [], leave.__name__
        with watching(faulty.url, "next") as following:
            assert differing(faulty.made(KINDS[NEXT](SEED), "next"), edited) == [], (
                f"after a client that {leave.__name__}"
            )
            heard = _all_of_a_run(following)
        steps = [message["data"]["step"] for message in heard if message["type"] == "prompt_to_prompt.step"]
        assert steps == list(range(STEPS))
        found.append(faulty.probe())
        assert (found[-1]["state"], found[-1]["on_model"]) == ([], at_rest["on_model"])
    note("clients away", rounds=ROUNDS, ways=len(WAYS), memory=memory(found))
    assert {(look["tensors"], look["bytes"]) for look in found} == {(at_rest["tensors"], at_rest["bytes"])}
    if ROUNDS >= 10:
        half = len(found) // 2
        assert found[-1]["resident"] / found[half]["resident"] < 1.01


def test_what_waits_for_a_client_that_never_reads_is_little(faulty):
    """The host keeps what it cannot deliver. What this pack adds to that must not fill a machine in a long run."""
    faulty.made(KINDS[NEXT](SEED + 1))
    before = faulty.probe()
    client = BadClient(faulty.url, "deaf")
    try:
        graph = with_inputs(_live_graph(), SAMPLER, steps=STEPS_UNHEARD)
        faulty.ended(faulty.queue(graph, "deaf"))
        during = faulty.probe()
        unread = client.unread()
    finally:
        client.drop()
    assert during["state"] == []
    assert during["tensors"] == before["tensors"]
    assert unread > FULL, "there was not more to tell than the connection takes"
    note("a client that never reads", steps=STEPS_UNHEARD, unread=unread, memory=memory([before, during]))
    assert during["resident"] - before["resident"] < 2**20 * 32
