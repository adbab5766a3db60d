"""The style of the LoRA: the objects of a scene cut out with a broad white border, on a background without texture."""

from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter

from .checkpoint import Progress
from .latents import SHAPES, drawings, encoded
from .scenes import Studio

BORDER, RIM = 7.0, 2.5  # pixels: of white around the object, and of shade around that
WHITE = np.float32((0.97, 0.98, 0.99))
SMOOTH = 8.0  # pixels, over which the background's texture is smoothed away
SHADE = 0.6


def sticker(picture: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 and its objects' masks (objects, h, w) bool to the same scene as stickers."""
    scene = picture.astype(np.float32) / 255
    inside = masks.any(0)
    distance = distance_transform_edt(~inside)[..., None]
    outside = (distance > 2).astype(np.float32)  # without the object's soft edge
    ground = gaussian_filter(scene * outside, (SMOOTH, SMOOTH, 0)) / (
        gaussian_filter(outside, (SMOOTH, SMOOTH, 0)) + 1e-4
    )
    rim = np.clip((distance - BORDER) / RIM, 0, 1)
    around = ground * (SHADE + (1 - SHADE) * rim)
    border = np.clip(distance - 0.5, 0, 1)
    whole = np.where(distance <= BORDER, scene * (1 - border) + WHITE * border, around)
    return (whole.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def make(studio: Studio, encoder, count: int, drawn: dict, path: Path, device: torch.device) -> None:
    """Writes the first ``count`` scenes of ``drawn``, the denoiser's training set, in this style and encoded."""
    if path.exists():
        return
    progress, done, shelves = Progress("stickers", count), 0, {}
    for shape in SHAPES:
        parts = []
        for _, pictures, masks in drawings(studio, shape, count):
            parts.append(encoded(encoder, np.stack(list(map(sticker, pictures, masks))), device))
            done += len(pictures)
            progress.update(done, parts[-1].float().std())
        latents = torch.cat(parts)
        texts = {name: drawn["shelves"][shape][name][: len(latents)].clone() for name in ("numbers", "ends")}
        shelves[shape] = {"latents": latents, **texts}
    torch.save({**drawn, "shelves": shelves}, path)
