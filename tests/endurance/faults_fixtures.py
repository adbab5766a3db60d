"""The server that the tests of faults share; ``conftest.py`` takes it in."""

import pytest
from p2p.tests.endurance.faults_server import faulty_server


@pytest.fixture(scope="session")
def faulty(comfyui, tmp_path_factory):
    with faulty_server(comfyui, tmp_path_factory.mktemp("faulty")) as server:
        yield server
