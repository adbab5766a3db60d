"""The small models of this folder, made once."""

import pytest

from .. import tiny_models


@pytest.fixture(scope="session")
def tiny_sd15():
    return tiny_models.sd15()


@pytest.fixture(scope="session")
def small():
    return tiny_models.sdxl_shaped("small")


@pytest.fixture(scope="session")
def smallest():
    return tiny_models.sdxl_shaped("smallest")
