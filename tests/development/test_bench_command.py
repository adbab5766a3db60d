"""``dev.py bench``: what the command line hands on, and results that are measured in parts."""

import json
from argparse import Namespace
from pathlib import Path

import pytest
from p2p.benchmarks import main as bench
from p2p.development import commands
from p2p.development.host import Host

SAME = {"format": 1, "name": "here", "machine": "a machine", "comfyui": "0.3.75", "torch": "2.9", "date": "2026-01-01"}
ENTRY = {"model": "an earlier measurement"}


@pytest.fixture
def calls(monkeypatch):
    """What ``bench`` would run."""
    done = []
    monkeypatch.setattr(commands, "ensure_host", lambda comfyui: Host(Path("comfyui"), Path("python")))
    monkeypatch.setattr(commands, "run_inside", lambda host, arguments, **variables: done.append(arguments) or 0)
    return done


@pytest.mark.parametrize(("on_cpu", "only"), [(True, None), (False, ["timed"])])
def test_the_command_line_is_handed_on(calls, monkeypatch, tmp_path, on_cpu, only):
    monkeypatch.setattr(commands, "use_cpu", lambda wanted, python: on_cpu)
    assert commands.bench(Namespace(comfyui=None, output=str(tmp_path), device="auto", only=only)) == 0
    [(program, *arguments)] = calls
    assert program == "bench"
    assert arguments[arguments.index("--output") + 1] == str(tmp_path)
    assert ("--cpu" in arguments) == on_cpu
    assert arguments[-2:] == ["--only", "timed"] if only else "--only" not in arguments


def results(**changes):
    return {**SAME, "timed": [], "counted": [], "notes": [], **changes}


@pytest.mark.parametrize("changed", ["machine", "comfyui", "torch"])
def test_a_part_that_is_not_measured_now_stays_if_all_else_is_the_same(tmp_path, changed):
    (tmp_path / "results.json").write_text(json.dumps(results(timed=[ENTRY], counted=[ENTRY])), encoding="utf-8")
    same, other = results(), results(**{changed: "another"})
    bench._keep_other_parts(same, tmp_path, ["counted"])
    assert (same["timed"], same["counted"]) == ([ENTRY], [])
    bench._keep_other_parts(other, tmp_path, ["counted"])
    assert (other["timed"], other["counted"]) == ([], [])


def test_without_earlier_results_there_is_nothing_to_keep(tmp_path):
    new = results()
    bench._keep_other_parts(new, tmp_path, ["timed"])
    assert new == results()
