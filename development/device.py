"""Where the server samples."""

import subprocess
from pathlib import Path

from .errors import UserError

PROBE = """
import torch
kinds = [torch.cuda, torch.backends.mps, getattr(torch, "xpu", None)]
print(*[int(kind is not None and kind.is_available()) for kind in kinds])
"""


def use_cpu(wanted: str, python: Path) -> bool:
    """Tell whether the server is started for the CPU: when asked for, or when the machine has nothing else."""
    if wanted == "cpu":
        return True
    cuda, *others = _accelerators(python)
    if wanted == "cuda" and not cuda:
        raise UserError("--device cuda: the installed torch finds no CUDA device; use --device cpu or auto.")
    return not cuda and not any(others)


def _accelerators(python: Path) -> list[bool]:
    """Ask the environment's torch for CUDA, Apple and Intel devices."""
    done = subprocess.run([str(python), "-c", PROBE], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"torch cannot be imported: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return [flag == "1" for flag in done.stdout.split()]
