"""Runs a part of this repository in the environment: ``demo …``, ``bench …`` or ``pytest …``.

The repository is loaded as the package ``p2p``, as ComfyUI and the tests load it, so its folder may have any name; and
neither its root nor this folder is on the module path, where ``nodes`` or ``server`` would hide ComfyUI's modules.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {"demo": "p2p.development.demo", "bench": "p2p.benchmarks.main"}


def load_pack() -> None:
    """Register the repository as the package ``p2p``."""
    spec = importlib.util.spec_from_file_location("p2p", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    module = importlib.util.module_from_spec(spec)
    sys.modules["p2p"] = module
    spec.loader.exec_module(module)


def main(program: str, arguments: list[str]) -> int:
    """Run the program and return its exit code."""
    if program == "pytest":
        import pytest

        return pytest.main(arguments)
    load_pack()
    errors = importlib.import_module("p2p.development.errors")
    try:
        return importlib.import_module(PROGRAMS[program]).main(arguments)
    except errors.UserError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    del sys.path[0]
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
