"""Random edits over the whole node set in one server: none fails, none leaves anything, each is what it is alone."""

import json
import sys
from collections import Counter

import pytest
from p2p.development import paths

from .asking import Asked
from .counts import SOAK, count
from .growth import growth
from .held import growth_of, judged, without_loads
from .plain_graphs import draw_plain
from .random_graphs import draw, has_replays

EDITS = count(500, 12)
GRAPHS = count(100, 6)  # different ones, each made several times: after the first time nothing is new
JUDGED = count(400, 12)  # the last ones: before, every kind of node and sampler loads its code once
EVERY = count(5, 6)  # edits between two looks at the server's memory
ALONE = count(20, 2)  # edits that are made again in a fresh process
MOST_KIB = 2  # an edit, that the upper bound of growth may be: 0.35 was measured
OWN_NODES = {
    "P2PTextEncode", "P2PTagPrompt", "P2PReplaceController", "P2PRefineController", "P2PReweightController",
    "P2PMoveController", "P2PLocalBlend", "P2PCombine", "P2PApply", "P2PRecord", "P2PSaveRecord", "P2PLoadRecord",
    "P2PAttentionStore", "P2PAttentionMaps", "P2PSaveAttention", "P2PLoadAttention", "P2PMiniSDXL", "P2PMiniLora",
    "P2PMiniControlNet", "P2PAdjustMove", "P2PAdjustScale", "P2PAdjustBlend", "P2PAdjustMask",
    "P2PAttentionGuidance",
}  # fmt: skip


@pytest.fixture(scope="module")
def edited(fresh_server):
    """All edits, made in one server: (results by number of the edit, what failed, what it held by edits made)."""
    results, failures, held = {}, [], {}
    with fresh_server("random_graphs") as running:
        asked = Asked(running.url, running.log.parent)
        for number in range(EDITS):
            try:
                results[number] = asked.results(draw(number % GRAPHS))
            except AssertionError as failure:
                failures.append(str(failure))
            if (number + 1) % EVERY == 0:
                held[number + 1] = asked.at_rest()
        kept = asked.json("/endurance/kept_of_a_tensor")["objects"]
    without_loads(held, kept)
    if SOAK:
        _keep("random_graphs.json", {"failures": failures, "held": held, "kept": kept, "results": results})
    return results, failures, held


def _keep(name: str, figures: dict) -> None:
    folder = paths.RESULTS / "soak"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(figures, indent=1), encoding="utf-8")


def test_no_edit_fails(edited):
    results, failures, _ = edited
    assert failures == []
    assert len(results) == EDITS
    assert all(any("latent" in what for what in made) for made in results.values())
    assert all(made == results[number % GRAPHS] for number, made in results.items())


def test_an_edit_from_a_file_is_that_of_its_record(edited):
    results, _, _ = edited
    both = [_last_latents(made, 2) for number, made in results.items() if has_replays(number % GRAPHS)]
    assert both
    assert all(from_file == from_record for from_record, from_file in both)


def _last_latents(made: dict[str, str], runs: int) -> list[str]:
    """The digests of what the last runs saved last, by the number that begins what a digest is of."""
    latents = {int(what.split(":")[0]): digest for what, digest in made.items() if " SaveLatent " in what}
    return [latents[run] for run in sorted(latents)[-runs:]]


def test_a_graph_is_drawn_again_from_its_number():
    graphs = [draw(number) for number in range(50)]
    assert graphs == [draw(number) for number in range(50)]
    assert len({json.dumps(graph.runs) for graph in graphs}) == 50


def test_the_graphs_use_all_nodes_of_the_pack():
    used = Counter(
        node["class_type"] for number in range(500) for run in draw(number).runs for node in run.values()
    )  # fmt: skip
    assert {name for name in used if name.startswith("P2P")} == OWN_NODES
    assert min(used[name] for name in OWN_NODES) >= 10
    assert {"KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced"} <= set(used)


def test_nothing_of_an_edit_stays(edited):
    """When the host has dropped its cache, not one tensor and nothing of a run is left."""
    _, _, held = edited
    assert held
    counts = {edits: (state["tensors"], state["tensor_bytes"]) for edits, state in held.items()}
    assert [state["run_state"] for state in held.values()] == [{}] * len(held)
    assert [state["patched_models"] for state in held.values()] == [0] * len(held)
    assert [state["controllers"] for state in held.values()] == [0] * len(held)
    judged = {edits: of for edits, of in counts.items() if edits > EDITS - JUDGED}
    assert len(set(judged.values())) == 1, counts


@pytest.fixture(scope="module")
def plain(fresh_server):
    """What a server holds after so many plain graphs, each made as often as the edits."""
    held = {}
    with fresh_server("plain_graphs") as running:
        asked = Asked(running.url, running.log.parent)
        for number in range(EDITS):
            asked.run_or_refusal(draw_plain(number % GRAPHS))
            if (number + 1) % EVERY == 0:
                held[number + 1] = asked.at_rest()
        without_loads(held, asked.json("/endurance/kept_of_a_tensor")["objects"])
    _keep("plain_graphs.json", {"held": held})
    return held


@pytest.mark.skipif(not SOAK, reason="a slope needs hundreds of edits: dev.py test --soak")
@pytest.mark.skipif(sys.platform != "linux", reason="memory is asked of glibc, which Linux has")
def test_memory_is_flat(edited, plain):
    """Edits leave no more behind than the host leaves of plain graphs."""
    _, _, held = edited
    found, of_host = growth_of(held, EDITS - JUDGED), growth_of(plain, EDITS - JUDGED)
    resident = [growth(*zip(*judged(of, "resident", EDITS - JUDGED), strict=True)) for of in (held, plain)]
    print(f"\nKiB an edit: {found}; of plain graphs {of_host}; resident sets {resident}")
    assert found.low <= max(of_host.high, 0), (found, of_host)
    assert found.high < max(of_host.high, 0) + MOST_KIB, (found, of_host)


def test_each_is_what_a_fresh_process_makes(edited, fresh_server):
    results, _, _ = edited
    numbers = range(GRAPHS // ALONE - 1, GRAPHS, GRAPHS // ALONE)  # the last is among them
    different = {}
    for number in numbers:
        with fresh_server(f"alone_{number}") as running:
            alone = Asked(running.url, running.log.parent).results(draw(number))
        among_others = results[EDITS - GRAPHS + number]
        if alone != among_others:
            different[number] = [what for what in alone if alone[what] != among_others.get(what)]
    assert len(numbers) == ALONE
    assert different == {}
