"""A real ComfyUI in this process, on the CPU, and small models in its own classes."""

import os
import sys
from pathlib import Path

import pytest

COMFYUI = os.environ.get("P2P_COMFYUI")


def _load_host() -> None:
    if COMFYUI in sys.path:
        return
    sys.path.insert(0, COMFYUI)
    before = sys.argv
    sys.argv = ["main.py", "--cpu", "--use-pytorch-cross-attention"]
    try:
        import comfy.options

        comfy.options.enable_args_parsing()
        import comfy.cli_args
    finally:
        sys.argv = before


def pytest_ignore_collect(collection_path: Path, config) -> bool | None:
    """Without a ComfyUI only the skip below is collected, so that the reason is shown once."""
    if COMFYUI is None and collection_path.name != "test_host_is_there.py" and collection_path.suffix == ".py":
        return True
    return None


if COMFYUI:
    _load_host()


@pytest.fixture(autouse=True)
def _like_the_executor():
    """ComfyUI runs nodes in inference mode."""
    import torch

    with torch.inference_mode():
        yield


@pytest.fixture(autouse=True)
def temp_folder(tmp_path_factory, monkeypatch):
    """The host's temp folder, where nodes put pictures for the browser."""
    import folder_paths

    folder = tmp_path_factory.mktemp("temp")
    monkeypatch.setattr(folder_paths, "temp_directory", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny():
    """(model, clip, vae) with random weights: every kind of attention site of SDXL, in milliseconds."""
    from .tiny_sdxl import tiny_sdxl

    return tiny_sdxl()


@pytest.fixture
def ties(monkeypatch):
    """What the local blends of a test tie: see ``Ties``."""
    from p2p.nodes._host import blending

    from .blends import Ties

    seen = Ties([], [])
    original = blending.blended

    def spy(latents, masks, rows, sources=None):
        seen.before.append(latents.clone())
        seen.masks.append(masks)
        return original(latents, masks, rows, sources)

    monkeypatch.setattr(blending, "blended", spy)
    return seen
