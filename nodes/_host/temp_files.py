"""Pictures for the browser alone, in the host's temp folder, which it empties when it starts."""

from pathlib import Path
from uuid import uuid4

import folder_paths
import torch
from PIL import Image

from ...p2p_core.errors import P2PError

_FAST = 1  # of PNG's levels of compression, as the host's own previews have


def temp_picture(pixels: torch.Tensor) -> dict[str, str]:
    """Writes a PNG and returns how the browser asks for it (``/view``).

    Args:
        pixels: uint8, (height, width) for a grey picture or (height, width, 3).

    Raises:
        P2PError: the folder cannot be written.
    """
    folder = Path(folder_paths.get_temp_directory())
    name = f"p2p_{uuid4().hex}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.numpy()).save(folder / name, compress_level=_FAST)
    except OSError as error:
        raise P2PError(
            f"The pictures of the viewer cannot be written to ComfyUI's temp folder: {error.strerror or error}. Make "
            "room on the disk, or start ComfyUI with another --temp-directory."
        ) from error
    return {"filename": name, "subfolder": "", "type": "temp"}
