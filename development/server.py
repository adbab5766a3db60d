"""A real ComfyUI server of one's own: private folders, this pack, 127.0.0.1 only, always stopped."""

import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import paths, process_tree
from .errors import UserError
from .host import Host
from .pack_link import NAME, hide_pack, show_pack
from .ports import ADDRESS, choose_port

START_SECONDS = 600
LOG_LINES = 30


@dataclass(frozen=True)
class ServerOptions:
    """How the server is started.

    Attributes:
        folder: holds everything it writes.
        front_end: the folder of another release of the front end.
        arguments: further ones for its command line.
    """

    folder: Path
    cpu: bool = False
    port: int | None = None
    output: Path | None = None
    checkpoint: Path | None = None
    front_end: Path | None = None
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    url: str
    log: Path
    process: subprocess.Popen


@contextlib.contextmanager
def running_server(host: Host, options: ServerOptions) -> Iterator[Server]:
    """Start the server, wait until it answers, and stop it whatever happens."""
    port = choose_port(options.port)
    options.folder.mkdir(parents=True, exist_ok=True)
    pack = show_pack(paths.ROOT, options.folder / "custom_nodes")
    log_file = options.folder / "server.log"
    try:
        with log_file.open("wb") as log:
            command = command_line(host, options, port)
            process = process_tree.start(command, options.folder, variables(os.environ), log)
            try:
                server = Server(f"http://{ADDRESS}:{port}", log_file, process)
                wait_until_it_answers(server)
                check_that_the_pack_is_loaded(log_file)
                yield server
            finally:
                process_tree.end(process)
    finally:
        hide_pack(pack)


def command_line(host: Host, options: ServerOptions, port: int) -> list[str]:
    """Return the command that starts the server."""
    folder = options.folder
    command = [str(host.python), str(host.folder / "main.py"), "--listen", ADDRESS, "--port", str(port)]
    command += ["--disable-auto-launch", "--disable-api-nodes", "--base-directory", str(folder)]
    command += ["--database-url", f"sqlite:///{(folder / 'comfyui.db').as_posix()}"]
    if options.output:
        command += ["--output-directory", str(options.output)]
    if options.checkpoint:
        command += ["--extra-model-paths-config", str(_write_model_paths(folder, options.checkpoint))]
    if options.front_end:
        command += ["--front-end-root", str(options.front_end)]
    if options.cpu:
        command += ["--cpu", "--use-pytorch-cross-attention"]
    return [*command, *options.arguments]


def variables(environment: dict[str, str] | os._Environ) -> dict[str, str]:
    """Return the environment variables of the server: the caller's, less what would change its Python."""
    kept = {name: value for name, value in environment.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}


def _write_model_paths(folder: Path, checkpoint: Path) -> Path:
    """Make the folder of the checkpoint known; the file is YAML, which JSON is too."""
    file = folder / "model_paths.yaml"
    file.write_text(json.dumps({"demo": {"checkpoints": str(checkpoint.parent)}}), encoding="utf-8")
    return file


def wait_until_it_answers(server: Server) -> None:
    """Return when the server answers; show the end of its log when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(server.url):
        if server.process.poll() is not None:
            raise UserError(f"ComfyUI ended while it started; the end of its log:\n{end_of(server.log)}")
        if time.monotonic() > deadline:
            raise UserError(f"ComfyUI did not answer in {START_SECONDS} s; the end of its log:\n{end_of(server.log)}")
        time.sleep(0.2)


def check_that_the_pack_is_loaded(log: Path) -> None:
    """Say so when ComfyUI runs, but without the pack; its log tells why just before it says that."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines):
        if "(IMPORT FAILED)" in line and NAME in line:
            raise UserError(f"ComfyUI could not load the pack; its log says:\n{_indented(lines[:number])}")


def answers(url: str) -> bool:
    """Tell whether the server is ready; no proxy is asked for an address of this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/system_stats", timeout=5) as reply:
            return reply.status == 200
    except (OSError, urllib.error.URLError):
        return False


def end_of(log: Path) -> str:
    """Return the last lines of the log."""
    return _indented(log.read_text(encoding="utf-8", errors="replace").splitlines())


def _indented(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines[-LOG_LINES:])
