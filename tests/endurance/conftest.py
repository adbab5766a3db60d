"""A real ComfyUI in this process, as in tests/host, and servers of one's own with the embedded mini model."""

import shutil
import sys
from pathlib import Path

import pytest
from p2p.development import paths
from p2p.development.host import Host
from p2p.development.server import ServerOptions, running_server
from p2p.tests.endurance.counts import SOAK
from p2p.tests.endurance.faults_fixtures import faulty
from p2p.tests.host.conftest import COMFYUI, _like_the_executor, temp_folder, tiny

__all__ = ["_like_the_executor", "faulty", "temp_folder", "tiny"]  # fixtures: pytest finds them by being here

if not COMFYUI:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def comfyui() -> Host:
    """The ComfyUI that servers of these tests run, with the Python of the tests."""
    return Host(Path(COMFYUI), Path(sys.executable))


@pytest.fixture(scope="session")
def server(comfyui, tmp_path_factory):
    """A server on the CPU that tests share: its folder holds server.log, and output, input and temp.

    The log of a soak is kept where ``dev.py`` leaves its results.
    """
    folder = tmp_path_factory.mktemp("endurance")
    try:
        with running_server(comfyui, ServerOptions(folder, cpu=True)) as running:
            yield running
    finally:
        if SOAK:
            kept = paths.RESULTS / "soak"
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / "server.log", kept)
