"""Makes torchvision and torchaudio importable beside a torch built for another kind of machine.

Where torch is a CPU build and its companions are CUDA builds, their compiled parts cannot be loaded and the plain
import fails. ComfyUI needs only their Python parts. So, when the plain import fails, and only in the environment that
``dev.py`` makes: torchvision's two operators get their schemas before its first import, and torchaudio's compiled
parts are moved out of the way. On an ordinary machine nothing is changed.
"""

import shutil
import subprocess
from pathlib import Path

from . import paths
from .errors import UserError

HOOK = Path(__file__).resolve().parent / "import_hook" / "p2p_torchvision_operators.py"
COMPILED = (".so", ".pyd", ".dll", ".dylib")
ASIDE = ".unused"


def mend(python: Path) -> None:
    """Check both imports, mend the one that fails, and check again."""
    for module, cure in (("torchvision", _declare_operators), ("torchaudio", _put_compiled_parts_aside)):
        if import_failure(python, module):
            cure(_site_packages(python))
            failure = import_failure(python, module)
            if failure:
                raise UserError(f"{module} cannot be imported in {paths.ENVIRONMENT}: {failure}.")


def import_failure(python: Path, module: str) -> str | None:
    """Return the last line of what a failed import says, None when it works."""
    done = subprocess.run([str(python), "-c", f"import {module}"], capture_output=True, text=True, cwd=paths.CACHE)
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or ["no message"])[-1].rstrip(".")


def _declare_operators(site_packages: Path) -> None:
    """Install the import hook; a ``.pth`` line makes every process of the environment know it."""
    shutil.copy(HOOK, site_packages)
    (site_packages / f"{HOOK.stem}.pth").write_text(f"import {HOOK.stem}\n", encoding="utf-8")


def _put_compiled_parts_aside(site_packages: Path) -> None:
    for file in (site_packages / "torchaudio" / "lib").iterdir():
        if file.suffix in COMPILED:
            file.rename(file.with_name(file.name + ASIDE))


def _site_packages(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_paths()['platlib'])"
    return Path(subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip())
