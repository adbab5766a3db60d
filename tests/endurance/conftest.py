"""A real ComfyUI in this process, as in tests/host, and servers of one's own with the embedded mini model."""

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from p2p.development import paths
from p2p.development.host import Host
from p2p.development.server import Server, ServerOptions, running_server
from p2p.tests.endurance.counts import SOAK
from p2p.tests.endurance.faults_fixtures import faulty
from p2p.tests.host.conftest import COMFYUI, _like_the_executor, temp_folder, tiny

__all__ = ["_like_the_executor", "faulty", "temp_folder", "tiny"]  # fixtures: pytest finds them by being here

PROBE = Path(__file__).parent / "server_probe"

if not COMFYUI:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def comfyui() -> Host:
    """The ComfyUI that servers of these tests run, with the Python of the tests."""
    return Host(Path(COMFYUI), Path(sys.executable))


@pytest.fixture(scope="session")
def fresh_server(comfyui, tmp_path_factory) -> Callable[[str], contextlib.AbstractContextManager[Server]]:
    """Starts a server on the CPU, with the probe, in a folder of its own that holds server.log, output, input, temp.

    The log of a soak is kept where ``dev.py`` leaves its results.
    """

    @contextlib.contextmanager
    def start(name: str) -> Iterator[Server]:
        folder = tmp_path_factory.mktemp(name)
        shutil.copytree(PROBE, folder / "custom_nodes" / "endurance_probe")
        try:
            with running_server(comfyui, ServerOptions(folder, cpu=True)) as running:
                yield running
        finally:
            if SOAK:
                kept = paths.RESULTS / "soak"
                kept.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / "server.log", kept / f"{folder.name}.log")

    return start


@pytest.fixture(scope="session")
def server(fresh_server):
    """A server that tests share."""
    with fresh_server("endurance") as running:
        yield running
