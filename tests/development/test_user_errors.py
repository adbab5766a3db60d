"""What goes wrong outside the program is said in one sentence, without a traceback, with an exit code."""

import errno
import os
import socket
import subprocess
import sys
from argparse import Namespace

import pytest
from p2p.development import commands, environment, host, paths, ports, setup_failures, stages
from p2p.development.errors import UserError

OPTIONS = {"port": None, "checkpoint": None, "comfyui": None, "output": None, "device": "auto", "seeds": 1, "steps": 1}
OPTIONS |= {"full": False, "only": None, "soak": False}


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command of ``dev.py`` that must fail before any set-up; return its message."""
    monkeypatch.setattr(commands, "_stop_on_signals", lambda: None)
    monkeypatch.setattr(host, "ensure_environment", lambda extra=None: pytest.fail("the set-up began"))

    def run(command, **options):
        assert commands.run(Namespace(command=command, **{**OPTIONS, **options})) == 1
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        return message

    return run


def test_busy_port(call, tmp_path):
    with socket.socket() as other:
        other.bind((ports.ADDRESS, 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"Port {port}" in call("serve", port=port, output=str(tmp_path))


def test_impossible_port(call, tmp_path):
    assert "70000" in call("serve", port=70000, output=str(tmp_path))


def test_missing_checkpoint(call):
    assert "no such file" in call("demo", checkpoint="missing.safetensors")


def test_checkpoint_of_another_kind(call, tmp_path):
    file = tmp_path / "model.zip"
    file.touch()
    assert ".safetensors" in call("demo", checkpoint=str(file))


@pytest.mark.parametrize("option", ["seeds", "steps"])
def test_too_few(call, option):
    assert f"--{option} 0" in call("demo", **{option: 0})


def test_output_that_is_a_file(call, tmp_path):
    file = tmp_path / "file"
    file.touch()
    assert "cannot be written" in call("demo", output=str(file))


def test_a_folder_that_is_no_comfyui(call, tmp_path):
    assert "not a ComfyUI folder" in call("test", comfyui=str(tmp_path))


def test_the_disk_fills_up(call, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(host, "ensure_environment", full)
    assert "disk is full" in call("test")


def test_no_network(tmp_path, monkeypatch):
    """pip really runs, against an index that nobody serves."""
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{ports.choose_port(None)}/simple")
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    monkeypatch.setattr(paths, "SETUP_LOG", tmp_path / "setup.log")
    command = [*environment.pip(sys.executable, "download"), "--no-deps", "--dest", str(tmp_path), "einops"]
    with pytest.raises(UserError, match="cannot be reached"):
        stages.run(command, "Installing the packages")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for torch==2.13.0\n", "torch==2.13.0 is not published"),
        ("Collecting a\nERROR: something else\nnote: more", "ERROR: something else"),
        ("", "it printed nothing"),
    ],
)
def test_failures_of_the_set_up(output, words):
    assert words in str(setup_failures.explain("Installing", output))


def test_an_unknown_error_of_the_system_is_not_hidden():
    assert setup_failures.explain_os_error(OSError(errno.EBADF, "bad")) is None


def test_a_wheel_that_is_not_the_pinned_one(tmp_path):
    wheel = tmp_path / "host.whl"
    wheel.write_bytes(b"other")
    with pytest.raises(UserError, match="not the pinned file"):
        host.check_sha256(wheel, "0" * 64)


def test_missing_checkpoint_through_the_entry_point():
    command = [sys.executable, paths.ROOT / "dev.py", "demo", "--checkpoint", "missing.safetensors"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
