"""Edits that share one model object: each is what it is alone, to the bit."""

import itertools
import random

import pytest
from p2p.tests.endurance.counts import count
from p2p.tests.endurance.faults_figures import note
from p2p.tests.endurance.faults_graphs import KINDS, MODEL, SAMPLER, STEPS, Graph, with_inputs
from p2p.tests.endurance.faults_server import differing

SEED = 51
SHARED = (MODEL,)  # nodes that both branches of one graph have in common
PAIRS = [*itertools.permutations(KINDS, 2)]
SHORT = [("local blend", "several targets"), ("store, live", "refine with windows of words")]


def _pairs() -> list[tuple[str, str]]:
    chosen = random.Random(6).sample(PAIRS, count(len(PAIRS), 0))
    return chosen or SHORT


@pytest.fixture(scope="module")
def alone(faulty):
    needed = {name for pair in _pairs() for name in pair}
    return {name: faulty.made(KINDS[name](SEED)) for name in sorted(needed)}


@pytest.mark.parametrize(("first", "second"), _pairs())
def test_two_in_the_queue(faulty, alone, first, second):
    """A third edit holds the sampler while both are put in the queue, so that they wait there together."""
    model = faulty.probe()["identity"]
    long = with_inputs(KINDS["reweight"](SEED + 1), SAMPLER, steps=3 * STEPS)
    graphs = [long, KINDS[first](SEED), KINDS[second](SEED)]
    identities = [faulty.queue(graph) for graph in graphs]
    ended = [faulty.ended(identity) for identity in identities]
    assert [run.outcome for run in ended] == ["success"] * 3, [run.message for run in ended]
    assert all(MODEL in run.cached and SAMPLER not in run.cached for run in ended)
    assert [differing(run.results, alone[name]) for run, name in zip(ended[1:], (first, second), strict=True)] == [
        [],
        [],
    ]
    after = faulty.probe()
    assert (after["state"], after["identity"]) == ([], model)


@pytest.mark.parametrize(("first", "second"), _pairs())
def test_two_branches_of_one_graph(faulty, alone, first, second):
    graph = {**_branch(KINDS[first](SEED), "a"), **_branch(KINDS[second](SEED), "b")}
    assert [node["class_type"] for node in graph.values()].count("P2PMiniSDXL") == 1
    faulty.probe()  # another graph: the host keeps the results of the one before, which may have one of these branches
    found = faulty.made(graph)
    for branch, name in (("a", first), ("b", second)):
        own = {key.removeprefix(f"{branch}_"): value for key, value in found.items() if key.startswith(f"{branch}_")}
        assert differing(own, alone[name]) == [], (branch, name)
    note("two branches", first=first, second=second, results=len(found))


def _branch(graph: Graph, name: str) -> Graph:
    """The graph with its nodes named apart from another branch's, but for the model."""

    def renamed(value: object) -> object:
        is_link = isinstance(value, list) and len(value) == 2 and value[0] in graph
        return [identity(value[0]), value[1]] if is_link else value

    def identity(old: str) -> str:
        return old if old in SHARED else f"{name}_{old}"

    return {
        identity(old): {**node, "inputs": {key: renamed(value) for key, value in node["inputs"].items()}}
        for old, node in graph.items()
    }
