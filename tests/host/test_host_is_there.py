import os

import pytest


def test_a_real_comfyui_is_used():
    if "P2P_COMFYUI" not in os.environ:
        pytest.skip("P2P_COMFYUI is not set: run the tests with dev.py, which unpacks a ComfyUI and says where it is")
    import comfyui_version

    assert [int(part) for part in comfyui_version.__version__.split(".")[:3]] >= [0, 3, 75]
