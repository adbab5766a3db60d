"""One line per stage of the set-up, with its duration; the chatter of the programs goes to a log."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from . import paths, setup_failures

WIDTH = 44


def _print(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)


@contextlib.contextmanager
def stage(title: str) -> Iterator[None]:
    """Print the title when the stage begins and its duration when it ends."""
    begun = time.monotonic()
    _print(f"  {title} ".ljust(WIDTH, "."), end=" ")
    try:
        yield
    except BaseException as problem:
        _print("stopped" if isinstance(problem, KeyboardInterrupt) else "failed")
        raise
    _print(f"{time.monotonic() - begun:.1f} s")


def run(command: list[str], purpose: str) -> None:
    """Run a program of the set-up; its output goes to the log, a failure becomes one sentence."""
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    with paths.SETUP_LOG.open("ab") as log:
        log.write(f"\n--- {purpose}: {' '.join(command)}\n".encode())
        log.flush()
        begin = log.tell()
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=paths.ROOT) as process:
            _wait(process)
    if process.returncode:
        raise setup_failures.explain(purpose, _text_from(paths.SETUP_LOG, begin))


def _wait(process: subprocess.Popen) -> None:
    """Wait for the program, counting the seconds on a terminal; end it when this wait is interrupted."""
    begun = time.monotonic()
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.5)
            _tick(time.monotonic() - begun)
    except BaseException:
        process.kill()
        raise


def _tick(seconds: float) -> None:
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        text = f"{seconds:.0f} s"
        _print(text + "\b" * len(text), end="")


def _text_from(file: Path, position: int) -> str:
    with file.open("rb") as log:
        log.seek(position)
        return log.read().decode("utf-8", errors="replace")
