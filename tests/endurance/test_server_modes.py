"""What the host can be told at its start: every edit is the same, to the bit where the arithmetic is the same."""

import math
import os
import statistics
import subprocess

import numpy
import pytest
from p2p.tests.endurance.counts import SOAK
from p2p.tests.endurance.faults_figures import note
from p2p.tests.endurance.faults_graphs import KINDS, MODEL, loaded_from, plain, with_inputs
from p2p.tests.endurance.faults_server import differing, faulty_server

SEED, WATCHED = 81, "store, live"
PICTURES = 9  # of every edit in fp16
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
    """With --force-fp16 and the model in fp16: the same as without the option, and as far from fp32 as a plain run.

    A picture whose sampling happens to be unstable is far off whoever makes it, so that the median of several is
    compared; an edit that lost precision by itself would be further off in all of them.
    """
    made = {**KINDS, "plain": plain}
    graphs = {(name, seed): make(seed) for name, make in made.items() for seed in range(SEED, SEED + PICTURES)}
    halves = {key: with_inputs(graph, MODEL, precision="fp16") for key, graph in graphs.items()}
    exact = {key: faulty.made(graph) for key, graph in graphs.items()}
    expected = {key: faulty.made(graph) for key, graph in halves.items()}
    with faulty_server(comfyui, tmp_path, ("--force-fp16",)) as server:
        found = {key: server.made(graph) for key, graph in halves.items()}
    assert {key: differing(found[key], expected[key]) for key in found} == {key: [] for key in found}
    distances = {key: _relative(found[key], exact[key]) for key in found}
    errors = {
        name: statistics.median(distance for (of, _), distance in distances.items() if of == name) for name in made
    }
    note("fp16", errors=errors)
    assert 0 < errors["plain"] < 0.05
    assert max(errors.values()) < 4 * errors["plain"], errors


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
