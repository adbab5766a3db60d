"""The ``.venv`` of the repository: made once, made anew when a pin or the Python changes.

The stamp says what the environment was made of. It is written when all is done, so an interrupted set-up leaves none
and the next call starts over; the packages already downloaded come from pip's cache.
"""

import json
import shutil
import sys
import venv
from pathlib import Path

from . import missing_extensions, paths, pins
from .errors import UserError
from .file_lock import file_lock
from .stages import run, stage

STAMP = "p2p-environment.json"
NEEDED_BYTES = 3 * 1024**3
UNFINISHED = {"unfinished": True}


def ensure_environment(extra_requirements: Path | None = None) -> Path:
    """Return the environment's Python, after making or completing the environment where that is needed."""
    waiting = "Another dev.py is making the environment; waiting for it."
    with file_lock(paths.CACHE / "environment.lock", waiting):
        made_of = read_stamp(paths.ENVIRONMENT)
        wanted = wanted_stamp(extra_requirements)
        if needs_rebuild(made_of, wanted, paths.environment_python()):
            made_of = _make(made_of, wanted)
        if made_of != wanted:
            _complete(made_of, wanted, extra_requirements)
    return paths.environment_python()


def wanted_stamp(extra_requirements: Path | None) -> dict:
    """Return what the environment shall be made of."""
    return {
        "python": "{}.{}".format(*sys.version_info),
        "pins": pins.digest(pins.TORCH, pins.REQUIREMENTS, pins.CONSTRAINTS),
        "extra": pins.digest(extra_requirements) if extra_requirements else None,
    }


def needs_rebuild(made_of: dict | None, wanted: dict, python: Path) -> bool:
    """Tell whether the environment must be made from nothing; other requirements of a host can just be added."""
    if made_of is None or not python.exists():
        return True
    return any(made_of.get(part) != wanted[part] for part in ("python", "pins"))


def read_stamp(environment: Path) -> dict | None:
    """Return what the environment was made of; None where there is none."""
    try:
        return json.loads((environment / STAMP).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return UNFINISHED


def write_stamp(environment: Path, made_of: dict) -> None:
    """Record what the environment is made of."""
    (environment / STAMP).write_text(json.dumps(made_of, indent=1), encoding="utf-8")


def _make(made_of: dict | None, wanted: dict) -> dict:
    """Make the environment with the pinned packages from nothing; return what it is made of then."""
    _replace_by_empty(made_of)
    _install_packages()
    with stage("check of the packages"):
        missing_extensions.mend(paths.environment_python())
    made_of = {**wanted, "extra": None}
    write_stamp(paths.ENVIRONMENT, made_of)
    return made_of


def _complete(made_of: dict, wanted: dict, extra_requirements: Path | None) -> None:
    """Bring the environment from the requirements of one host to those of another."""
    write_stamp(paths.ENVIRONMENT, {**wanted, "extra": "unfinished"})
    if made_of["extra"] is not None:
        _install_packages()
    if extra_requirements:
        _install_extra(extra_requirements)
    write_stamp(paths.ENVIRONMENT, wanted)


def _replace_by_empty(made_of: dict | None) -> None:
    """Replace the environment by an empty one; never touch one that was not made here."""
    folder = paths.ENVIRONMENT
    if folder.exists():
        if made_of is None and any(folder.iterdir()):
            raise UserError(f"{folder} was not made by dev.py: rename or remove it, then start again.")
        if Path(sys.prefix).resolve() == folder.resolve():
            raise UserError("The environment must be made anew, but this is its own Python: run deactivate first.")
    with stage("virtual environment"):
        if folder.exists():
            shutil.rmtree(folder)
        _check_space()
        folder.mkdir(parents=True, exist_ok=True)
        write_stamp(folder, UNFINISHED)
        _make_empty_environment(folder)


def _check_space() -> None:
    """Refuse early what would fail late; a torch with CUDA needs more than this, which shows when the disk is full."""
    free = shutil.disk_usage(paths.ROOT).free
    if free < NEEDED_BYTES:
        gigabytes = f"{free / 1024**3:.1f} GB are free for {paths.ENVIRONMENT}"
        raise UserError(f"There is no space: {gigabytes}, and at least {NEEDED_BYTES // 1024**3} GB are needed.")


def _make_empty_environment(folder: Path) -> None:
    venv.EnvBuilder(with_pip=False, symlinks=sys.platform != "win32").create(folder)
    purpose = "Installing pip in the environment (on Debian and Ubuntu it needs the package python3-venv)"
    run([str(paths.environment_python()), "-m", "ensurepip", "--default-pip"], purpose)


def _install_packages() -> None:
    """Install all pinned packages in one go, so that torch and its companions are chosen together."""
    with stage("packages (torch and others)"):
        pip_install(["-r", str(pins.REQUIREMENTS), "-c", str(pins.CONSTRAINTS)], "Installing the packages")


def _install_extra(requirements: Path) -> None:
    """Add what another ComfyUI asks for; the torch that is there stays."""
    with stage("packages of the given ComfyUI"):
        pip_install(["-r", str(requirements), "-c", str(pins.TORCH)], "Installing the packages of the given ComfyUI")


def pip_install(arguments: list[str], purpose: str) -> None:
    """Install with the pip of the environment."""
    run([*pip(paths.environment_python(), "install"), *arguments], purpose)


def pip(python: Path, action: str) -> list[str]:
    """Return the beginning of a command of pip that asks nothing and gives up soon."""
    quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--retries", "2"]
    return [str(python), "-m", "pip", action, *quiet]
