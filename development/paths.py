"""Where things are. Everything made here lies in folders that git ignores."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
CACHE = ROOT / ".cache"
SETUP_LOG = CACHE / "setup.log"
RESULTS = ROOT / "output"


def environment_python(environment: Path = ENVIRONMENT) -> Path:
    """Return the Python of the environment; it need not exist."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
