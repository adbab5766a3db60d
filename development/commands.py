"""What ``demo``, ``test``, ``serve`` and ``bench`` do, and how any of them fails."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from . import javascript, paths
from .device import use_cpu
from .errors import UserError
from .host import Host, ensure_host
from .javascript import Command
from .ports import choose_port
from .server import Server, ServerOptions, end_of, running_server
from .setup_failures import explain_os_error
from .stages import stage

INSIDE = Path(__file__).resolve().parent / "run_inside.py"
ENDURANCE = paths.ROOT / "tests" / "endurance"
INTERRUPTED = 130
# One worker for every core; each may need 2 GB, so not more than a common machine has room for. The longest group of
# tests, those in the browser, is the first of the folders, so groups are taken in the order of their names.
WORKERS = ("-n", "logical", "--maxprocesses", "8", "--no-loadscope-reorder")


def run(options: Namespace) -> int:
    """Run one command and return the exit code; what a person can put right is said in a sentence."""
    _stop_on_signals()
    try:
        return {"demo": demo, "test": test, "serve": serve, "bench": bench}[options.command](options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        explained = explain_os_error(error)
        if explained is None:
            raise
        print(explained, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED


def demo(options: Namespace) -> int:
    """Edit pictures on a real server and leave sheets, figures and a report."""
    checkpoint = existing_checkpoint(options.checkpoint)
    for name in ("seeds", "steps"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} {getattr(options, name)} is too few: 1 is the least.")
    output = writable_folder(options.output or paths.RESULTS / "demo")
    with _server(options, checkpoint, output=None) as (host, server):
        arguments = ["--url", server.url, "--output", str(output)]
        arguments += ["--seeds", str(options.seeds), "--steps", str(options.steps)]
        if options.full:
            arguments.append("--full")
        if options.only:
            arguments += ["--only", *options.only]
        if checkpoint:
            arguments += ["--checkpoint", checkpoint.name]
        code = run_inside(host, ["demo", *arguments])
        if code and server.process.poll() is not None:
            raise UserError(f"ComfyUI has ended; the end of its log:\n{end_of(server.log)}")
        return code


def serve(options: Namespace) -> int:
    """Show ComfyUI with the pack in the browser until Ctrl-C; what the user saves there stays."""
    checkpoint = existing_checkpoint(options.checkpoint)
    output = writable_folder(options.output or paths.RESULTS / "serve")
    with _server(options, checkpoint, output=output) as (_, server):
        print(f"ComfyUI with Prompt-to-Prompt: {server.url}  (Ctrl-C ends it; its log: {server.log})", flush=True)
        server.process.wait()
        raise UserError(f"ComfyUI has ended; the end of its log:\n{end_of(server.log)}")


def bench(options: Namespace) -> int:
    """Measure what edits cost and leave the figures, a page and plots."""
    output = writable_folder(options.output or paths.RESULTS / "bench")
    host = ensure_host(options.comfyui)
    with stage("choice of the device"):
        cpu = use_cpu(options.device, host.python)
    arguments = ["--comfyui", str(host.folder), "--output", str(output)]
    arguments += ["--cpu"] if cpu else []
    arguments += ["--only", *options.only] if options.only else []
    return run_inside(host, ["bench", *arguments])


def test(options: Namespace) -> int:
    """Run linters, type checker and tests of both languages; a soak, or arguments for pytest, only pytest.

    All tests are shared between workers, and some are run in one process, which starts sooner. Every process has
    one thread for its sums, so that results are the same either way and workers do not hinder each other.
    """
    host = ensure_host(options.comfyui)
    tests_only = options.soak or options.pytest_arguments
    failed = [] if tests_only else [name for name, check in _checks(host) if _fails(name, check)]
    soak = {"P2P_SOAK": "1"} if options.soak else {}
    chosen = [*([str(ENDURANCE)] if options.soak else []), *options.pytest_arguments]
    variables = {"P2P_COMFYUI": str(host.folder), "OMP_NUM_THREADS": "1", **soak}
    code = run_inside(host, ["pytest", *(chosen or WORKERS)], **variables)
    return code or (1 if failed else 0)


def _checks(host: Host) -> Iterable[tuple[str, Callable[[], Command]]]:
    """Return the checks before the tests: name, and what makes the command."""
    python = str(host.python)
    return (
        ("ruff", lambda: Command([python, "-m", "ruff", "check", "."])),
        ("pyright", lambda: Command([python, "-m", "pyright", "--pythonpath", python, "p2p_core"])),
        ("eslint", lambda: javascript.eslint(host.python)),
        ("node --test", lambda: javascript.unit_tests(host.python)),
    )


def _fails(name: str, check: Callable[[], Command]) -> bool:
    """Run a check and tell whether it failed; say so where it is seen. One that cannot be run has failed."""
    try:
        command = check()
        failed = _wait_for(command.arguments, {**os.environ, **command.variables}) != 0
    except UserError as error:
        print(error, file=sys.stderr)
        failed = True
    print(f"{name}: {'FAILED' if failed else 'passed'}", flush=True)
    return failed


@contextlib.contextmanager
def _server(options: Namespace, checkpoint: Path | None, output: Path | None) -> Iterator[tuple[Host, Server]]:
    """Set everything up and run the server; a run that keeps no output keeps nothing."""
    choose_port(options.port)
    host = ensure_host(options.comfyui)
    with stage("choice of the device"):
        cpu = use_cpu(options.device, host.python)
    with contextlib.ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="p2p-comfyui-")
        folder = paths.CACHE / "serve" if output else Path(stack.enter_context(temporary))
        settings = ServerOptions(folder, cpu, options.port, output, checkpoint)
        with stage(f"start of ComfyUI {host.version}{' on the CPU' if cpu else ''}"):
            server = stack.enter_context(running_server(host, settings))
        yield host, server


def run_inside(host: Host, arguments: list[str], **variables: str) -> int:
    """Run one of this repository's programs in the environment and return its exit code."""
    return _wait_for([str(host.python), str(INSIDE), *arguments], {**os.environ, **variables})


def _wait_for(command: list[str], variables: dict[str, str]) -> int:
    """Run a program in the repository; a Ctrl-C reaches it too, so it gets a moment to end."""
    with subprocess.Popen(command, cwd=paths.ROOT, env=variables) as process:
        try:
            return process.wait()
        except BaseException:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=3)
            process.kill()
            raise


def existing_checkpoint(file: str | None) -> Path | None:
    """Return the checkpoint to use, or say what is wrong with it."""
    if file is None:
        return None
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise UserError(f"--checkpoint {file}: there is no such file.")
    if path.suffix not in (".safetensors", ".ckpt"):
        raise UserError(f"--checkpoint {file}: ComfyUI loads checkpoints that end in .safetensors or .ckpt.")
    return path


def writable_folder(folder: str | Path) -> Path:
    """Make the folder and return it, or say why it cannot be used."""
    path = Path(folder).expanduser().resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise UserError(f"The folder {path} cannot be written: {error.strerror}.") from error


def _stop_on_signals() -> None:
    """Let a request to end this program stop the server too."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)
