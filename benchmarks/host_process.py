"""A real ComfyUI in this process."""

import os
import sys
from pathlib import Path


def load_host(folder: Path, on_cpu: bool) -> None:
    """Put ComfyUI on the module path and start its options as its own ``main.py`` does, before it is imported.

    Args:
        folder: of ComfyUI.
        on_cpu: sample on the CPU, with the fused attention that the host uses on a CUDA device.
    """
    sys.path.insert(0, os.fspath(folder))
    before = sys.argv
    sys.argv = ["main.py", *(["--cpu", "--use-pytorch-cross-attention"] if on_cpu else [])]
    try:
        import comfy.options

        comfy.options.enable_args_parsing()
        import comfy.cli_args
        import comfy.utils
    finally:
        sys.argv = before
    comfy.utils.PROGRESS_BAR_ENABLED = False
