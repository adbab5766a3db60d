"""What the host can be told at its start: every edit is the same, to the bit where the arithmetic is the same."""

import math
import os
import statistics
import subprocess

import numpy
import pytest
from p2p.tests.endurance.counts import SOAK
from p2p.tests.endurance.faults_figures import note
from p2p.tests.endurance.faults_graphs import KINDS, MODEL, SAMPLER, loaded_from, plain, with_inputs
from p2p.tests.endurance.faults_server import differing, faulty_server

SEED, WATCHED = 81, "store, live"
SEEDS = range(SEED, SEED + 5)  # of pictures in fp16
GRAPHS = tuple(KINDS) if SOAK else ("local blend", WATCHED)
MODES = {
    "cache-none": ("--cache-none",),
    "cache-lru": ("--cache-lru", "2"),
    "cache-classic": ("--cache-classic",),
    "cache-ram": ("--cache-ram", "1"),
    "disable-smart-memory": ("--disable-smart-memory",),
    "deterministic": ("--deterministic",),
    "force-fp16": ("--force-fp16",),  # what is in fp32 on a CPU stays so; the fp16 graphs are below
}
NOT_ON_A_CPU = ("--lowvram", "--novram", "--highvram", "--gpu-only")


@pytest.fixture(scope="module")
def by_default(faulty):
    return {name: faulty.made(KINDS[name](SEED)) for name in GRAPHS}


@pytest.mark.parametrize("mode", MODES if SOAK else ["cache-none"])
def test_edits_are_the_same_in_every_mode(comfyui, by_default, tmp_path, mode):
    with faulty_server(comfyui, tmp_path, MODES[mode]) as server:
        for turn, name in [*enumerate(GRAPHS), *enumerate(GRAPHS)]:
            ended = server.ended(server.queue(KINDS[name](SEED)))
            assert ended.outcome == "success", (name, ended.message)
            assert differing(ended.results, by_default[name]) == [], (name, turn)
        (*_, file) = sorted((server.folder / "output" / "faults").glob("*.attention.safetensors"))
        graph = loaded_from(KINDS[WATCHED](SEED), f"faults/{file.name} [output]")
        shown = server.ended(server.queue(graph))
        assert shown.outcome == "success", shown.message
        saved = {key: value for key, value in by_default[WATCHED].items() if not key.startswith("file ")}
        assert differing(shown.results, saved) == []
        assert server.probe()["state"] == []
    note("modes", mode=mode, graphs=len(GRAPHS))


@pytest.mark.skipif(not SOAK, reason="a server of its own, in soaks only")
def test_fp16_costs_edits_what_it_costs_any_run(faulty, comfyui, tmp_path):
    """With --force-fp16 and the model in fp16: the same as without the option, and as far from fp32 as plain runs are.

    How far that is depends on sampler and prompt, and on whether a picture happens to be unstable: plain runs have the
    sampler and the prompts of the edit, and medians are compared. An edit that lost precision by itself would be
    further off in all of its pictures.
    """
    edits = {(name, seed): make(seed) for name, make in KINDS.items() for seed in SEEDS}
    expected = {key: faulty.made(_in_halves(graph)) for key, graph in edits.items()}
    with faulty_server(comfyui, tmp_path, ("--force-fp16",)) as server:
        found = {key: server.made(_in_halves(graph)) for key, graph in edits.items()}
    assert {key: differing(found[key], expected[key]) for key in found} == {key: [] for key in found}
    errors = {name: _error(faulty, [make(seed) for seed in SEEDS]) for name, make in KINDS.items()}
    of_plain = {name: max(_error(faulty, graphs) for graphs in _plain_runs_of(make)) for name, make in KINDS.items()}
    note("fp16", errors=errors, of_plain=of_plain)
    assert 0 < min(of_plain.values()) <= max(of_plain.values()) < 0.1, of_plain
    assert {name: error for name, error in errors.items() if error > 2 * of_plain[name]} == {}, of_plain


def _plain_runs_of(make) -> list[list[dict]]:
    """Per prompt of an edit, plain runs with its sampler."""
    graph = make(SEED)
    sampler = graph[SAMPLER]["inputs"]["sampler_name"]
    prompts = [node["inputs"]["text"] for node in graph.values() if node["class_type"] == "P2PTextEncode"]
    return [[plain(seed, prompt, sampler) for seed in SEEDS] for prompt in prompts]


def _error(server, graphs: list[dict]) -> float:
    """The median distance of runs in fp16 from those in fp32."""
    return statistics.median(_relative(server.made(_in_halves(graph)), server.made(graph)) for graph in graphs)


def _in_halves(graph: dict) -> dict:
    return with_inputs(graph, MODEL, precision="fp16")


def _relative(found: dict, exact: dict) -> float:
    half, full = (numpy.frombuffer(made["latent latents 0"], numpy.float32) for made in (found, exact))
    distance = float(numpy.linalg.norm(half - full) / numpy.linalg.norm(full))
    assert math.isfinite(distance)
    return distance


@pytest.mark.parametrize("option", NOT_ON_A_CPU if SOAK else NOT_ON_A_CPU[:1])
def test_a_mode_that_a_cpu_does_not_have(comfyui, option, tmp_path):
    """These divide memory between a GPU and the machine; ``test_low_memory`` goes their way through the host."""
    command = [str(comfyui.python), str(comfyui.folder / "main.py"), "--cpu", option, "--base-directory", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, check=False)
    assert ended.returncode == 2
    assert "not allowed with argument" in ended.stderr
    pytest.skip(f"the host itself refuses {option} beside --cpu, and without --cpu it asks for a GPU")
