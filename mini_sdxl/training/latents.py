"""The denoiser's training set: encoded scenes with their captions, drawn once and kept in one file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from .checkpoint import Progress
from .scenes import Scene, Studio
from .text import Tokens

SHAPES = {"square": (128, 128), "wide": (96, 160), "tall": (160, 96)}
SHARES = {"square": 0.84, "wide": 0.08, "tall": 0.08}


def drawings(studio: Studio, shape: str, count: int) -> Iterator[tuple[list[Scene], np.ndarray, list[np.ndarray]]]:
    """The scenes of one shape, 64 at a time: always the same ones, so that other stages can draw them again.

    Yields the scenes, their pictures (64, h, w, 3) uint8 and each scene's masks (objects, h, w) bool.
    """
    rng = np.random.default_rng(2000 + list(SHAPES).index(shape))
    for _ in range(max(1, int(count * SHARES[shape]) // 64)):
        scenes = [studio.compose(rng, *SHAPES[shape]) for _ in range(64)]
        drawn = [studio.draw(scene, rng) for scene in scenes]
        yield scenes, np.stack([picture for picture, _ in drawn]), [masks for _, masks in drawn]


@torch.no_grad()
def encoded(encoder, pictures: np.ndarray, device: torch.device) -> torch.Tensor:
    """(n, h, w, 3) uint8 to (n, 4, h/8, w/8) fp16."""
    images = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 255
    return encoder(images.contiguous(memory_format=torch.channels_last)).half().cpu()


def make(studio: Studio, encoder, tokenizer, count: int, path: Path, device: torch.device) -> None:
    """Draws and encodes ``count`` scenes; writes the latents, the captions as numbers and the vocabulary."""
    if path.exists():
        return
    drawn = {}
    progress = Progress("latents", count)
    done = 0
    for shape in SHAPES:
        latents, captions = [], []
        for scenes, pictures, _ in drawings(studio, shape, count):
            latents.append(encoded(encoder, pictures, device))
            captions += [scene.caption for scene in scenes]
            done += len(scenes)
            progress.update(done, latents[-1].float().std())
        drawn[shape] = (torch.cat(latents).contiguous(), captions)
    tokens = Tokens(tokenizer, sorted({text for _, captions in drawn.values() for text in captions}))
    shelves = {}
    for shape, (latents, captions) in drawn.items():
        known = {text: tokens(text) for text in set(captions)}
        shelves[shape] = {
            "latents": latents,
            "numbers": torch.stack([known[text][0] for text in captions]),
            "ends": torch.tensor([known[text][1] for text in captions]),
        }
    empty, end = tokens("")
    torch.save({"vocabulary": tokens.vocabulary, "empty": empty, "empty_end": end, "shelves": shelves}, path)
