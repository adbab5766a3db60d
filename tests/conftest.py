"""Loads the pack as the package ``p2p``, whatever its folder is called, as ComfyUI does."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _load_pack() -> None:
    if "p2p" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location("p2p", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    module = importlib.util.module_from_spec(spec)
    sys.modules["p2p"] = module
    spec.loader.exec_module(module)


_load_pack()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With several workers, tests that share what is slow to make stay together."""
    from p2p.tests.workers import ByWhatIsShared

    return ByWhatIsShared(config, log)
