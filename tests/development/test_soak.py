"""``dev.py test --soak``: the endurance tests alone, with their long counts."""

import importlib
from argparse import Namespace
from pathlib import Path

import pytest
from p2p.development import commands
from p2p.development.host import Host
from p2p.tests.endurance import counts

HOST_AND_THREADS = {"P2P_COMFYUI": "comfyui", "OMP_NUM_THREADS": "1"}


@pytest.fixture
def calls(monkeypatch):
    """What ``test`` would run: ("check", name) and ("pytest", arguments, variables)."""
    done = []
    monkeypatch.setattr(commands, "ensure_host", lambda comfyui: Host(Path("comfyui"), Path("python")))
    monkeypatch.setattr(commands, "_fails", lambda name, check: done.append(("check", name)))
    monkeypatch.setattr(commands, "run_inside", lambda host, *run, **variables: done.append((*run, variables)) or 0)
    return done


def run(soak, *pytest_arguments):
    return commands.test(Namespace(comfyui=None, soak=soak, pytest_arguments=list(pytest_arguments)))


def test_a_soak_runs_the_endurance_tests_alone(calls):
    assert run(True, "-k", "name") == 0
    arguments = ["pytest", str(commands.ENDURANCE), "-k", "name"]
    assert calls == [(arguments, {**HOST_AND_THREADS, "P2P_SOAK": "1"})]
    assert list(commands.ENDURANCE.glob("test_*.py"))


def test_without_it_everything_runs(calls):
    assert run(False) == 0
    *checks, tests = calls
    assert [kind for kind, _ in checks] == ["check"] * 4
    assert tests == (["pytest", *commands.WORKERS], HOST_AND_THREADS)


def test_chosen_tests_run_alone_and_in_one_process(calls):
    assert run(False, "-k", "name") == 0
    assert calls == [(["pytest", "-k", "name"], HOST_AND_THREADS)]


@pytest.mark.parametrize(("variable", "expected"), [("1", 500), ("", 12), (None, 12)])
def test_the_counts_follow_the_variable(variable, expected, monkeypatch):
    monkeypatch.setenv("P2P_SOAK", variable) if variable is not None else monkeypatch.delenv("P2P_SOAK", False)
    try:
        assert importlib.reload(counts).count(500, 12) == expected
    finally:
        monkeypatch.undo()
        importlib.reload(counts)
