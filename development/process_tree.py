"""Starts a program so that it can be ended together with everything it started."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import IO

PATIENCE_SECONDS = 5


def start(command: list[str], folder: Path, variables: dict[str, str], log: IO[bytes]) -> subprocess.Popen:
    """Start the program in a group of its own; a Ctrl-C in the terminal does not reach it."""
    options: dict = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
    if os.name == "nt":
        options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        options["start_new_session"] = True
    return subprocess.Popen(command, cwd=folder, env=variables, **options)


def end(process: subprocess.Popen) -> None:
    """End the program and everything it started: politely, then by force."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        process.wait()
        return
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=PATIENCE_SECONDS)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
