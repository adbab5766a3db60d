"""Invalid graphs, one after the other in one server: each refused with its sentence, and none does any harm."""

import json
import sys
from collections import Counter

import pytest
from p2p.development import paths

from .asking import Asked, Refusal
from .counts import SOAK, count
from .growth import growth
from .held import growth_of, judged, without_loads
from .invalid_graphs import complaint, draw_invalid, whole_graph
from .mistakes import MISTAKES
from .random_graphs import Graph

GRAPHS = count(300, 20)
EVERY = count(5, 10)  # refusals between two runs of the good graph
ROUNDS = count(2, 1)  # of the same graphs: what is new is kept the first time, by torch of sizes and by Python of code
MOST_KIB = 16
NO_FILE = "none"


@pytest.fixture(scope="module")
def refused(fresh_server):
    """What was wrong with the refusals, what the good graph gave after some of them, and what the server held."""
    complaints, seen, good, held = [], Counter(), [], {}
    with fresh_server("invalid_graphs") as running:
        asked = Asked(running.url, running.log.parent)
        valid, files = _good_graph(asked)
        good.append(asked.results(valid))
        for number in range(ROUNDS * GRAPHS):
            invalid = draw_invalid(number % GRAPHS, *files)
            before = asked.json("/endurance/calls")["model_calls"]
            answer = asked.run_or_refusal(invalid.prompt)
            if not isinstance(answer, Refusal):
                complaints.append((number, invalid.title, "it was not refused"))
                continue
            wrong = complaint(invalid, answer)
            calls = asked.json("/endurance/calls")["model_calls"] - before
            if wrong is None and calls and invalid.is_before_sampling:
                wrong = f"{calls} calls of the model before it"
            if wrong is not None:
                complaints.append((number, invalid.title, wrong, answer, invalid.sentence))
            seen["before the queue" if answer.before_the_queue else "at run time"] += 1
            if (number + 1) % EVERY == 0:
                asked.at_rest()
                good.append(asked.results(valid))
                held[number + 1] = asked.at_rest()
        kept = asked.json("/endurance/kept_of_a_tensor")["objects"]
        listed = [error for error in running.log.read_text(errors="replace").splitlines() if "Traceback" in error]
    without_loads(held, kept)
    if SOAK:
        folder = paths.RESULTS / "soak"
        folder.mkdir(parents=True, exist_ok=True)
        figures = {"refused": dict(seen), "held": held, "tracebacks in the log": len(listed)}
        (folder / "invalid_graphs.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return complaints, seen, good, held


def _good_graph(asked: Asked) -> tuple[Graph, list[str]]:
    """The graph of all nodes, with files of attention and of a record that it saved itself, and these files."""
    first = whole_graph(NO_FILE, NO_FILE)
    for name in (
        "load", "maps of a file", "load record", "moved record", "scaled record", "blended record", "drawn",
        "drawn record", "replayed", "sampled again", "latents again",
    ):  # fmt: skip
        del first[name]
    outputs = asked.run_or_refusal(first)
    assert not isinstance(outputs, Refusal), outputs
    entries = outputs["save"]["attention"][0], outputs["save record"]["record"][0]
    files = [f"{entry['filename']} [output]" for entry in entries]
    return Graph(0, (whole_graph(*files),), "every node", batch=1, rows=3), files


def test_each_is_refused_with_its_sentence(refused):
    complaints, seen, _, _ = refused
    assert complaints == []
    assert seen.total() == ROUNDS * GRAPHS
    assert min(seen["before the queue"], seen["at run time"]) >= GRAPHS // 6, seen


def test_the_server_works_on(refused):
    _, _, good, _ = refused
    assert len(good) == 1 + ROUNDS * GRAPHS // EVERY
    assert all(results == good[0] for results in good[1:])


def test_nothing_of_a_refused_run_stays(refused):
    _, _, _, held = refused
    assert len(held) == ROUNDS * GRAPHS // EVERY
    for state in held.values():
        assert (state["run_state"], state["patched_models"], state["controllers"]) == ({}, 0, 0)
    counts = {refusals: (state["tensors"], state["tensor_bytes"]) for refusals, state in held.items()}
    assert len(set(counts.values())) == 1, counts


@pytest.mark.skipif(not SOAK, reason="a slope needs hundreds of graphs: dev.py test --soak")
@pytest.mark.skipif(sys.platform != "linux", reason="memory is asked of glibc, which Linux has")
def test_memory_is_flat(refused):
    _, _, _, held = refused
    found, resident = growth_of(held, GRAPHS), growth(*zip(*judged(held, "resident", GRAPHS), strict=True))
    print(f"\nKiB a graph, of the second {GRAPHS}: {found}; resident set {resident}")
    assert found.high < MOST_KIB, found


def test_every_kind_of_mistake_is_among_them():
    drawn = [draw_invalid(number, NO_FILE, NO_FILE).title.split(" in graph")[0] for number in range(300)]
    assert {mistake.__name__ for mistake in MISTAKES} <= set(drawn)
    assert len({title for title in drawn if title not in {mistake.__name__ for mistake in MISTAKES}}) >= 80
