"""Trains the autoencoder on random crops of scenes, then writes held-out PSNR beside the weights."""

import math
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from ..autoencoder import decoder, encoder
from .checkpoint import Checkpoint, Progress
from .precision import autocast
from .scenes import Studio

CROP, CROPS = 64, 16


def crops(studio: Studio, rng: np.random.Generator, count: int) -> torch.Tensor:
    """(count, 3, CROP, CROP) in 0..1, four from every scene."""
    tiles = []
    for _ in range(count // 4):
        picture, _ = studio.draw(studio.compose(rng, pair=0.3), rng)
        for _ in range(4):
            y, x = (int(rng.integers(0, extent - CROP + 1)) for extent in picture.shape[:2])
            tiles.append(picture[y : y + CROP, x : x + CROP])
    return torch.from_numpy(np.stack(tiles)).permute(0, 3, 1, 2).float() / 255


def pictures(studio: Studio, rng: np.random.Generator, count: int) -> torch.Tensor:
    """(count, 3, h, w) whole scenes in 0..1."""
    drawn = [studio.draw(studio.compose(rng), rng)[0] for _ in range(count)]
    return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).float() / 255


def _edges(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def reconstruction_loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    edges = sum(F.l1_loss(a, b) for a, b in zip(_edges(output), _edges(target), strict=True))
    return F.l1_loss(output, target) + 2 * F.mse_loss(output, target) + 0.5 * edges


def gaussian_loss(latent: torch.Tensor) -> torch.Tensor:
    """Pulls the channels towards zero mean, unit variance and no correlation, the space the denoiser works in."""
    values = latent.float().permute(1, 0, 2, 3).flatten(1)
    mean = values.mean(1)
    covariance = torch.cov(values)
    return mean.square().mean() + (covariance - torch.eye(len(mean), device=latent.device)).square().mean()


@torch.no_grad()
def measure(enc, dec, studio: Studio, device) -> float:
    """Mean PSNR in dB on 64 scenes that training never saw."""
    images = pictures(studio, np.random.default_rng(99), 64).to(device)
    errors = (dec(enc(images)).clamp(0, 1) - images).square().mean((1, 2, 3))
    return float((-10 * errors.log10()).mean())


def train(studio: Studio, folder: Path, steps: int, device: torch.device) -> None:
    torch.manual_seed(0)
    enc = encoder().to(device, memory_format=torch.channels_last)
    dec = decoder().to(device, memory_format=torch.channels_last)
    parameters = [*enc.parameters(), *dec.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1.5e-3, betas=(0.9, 0.99), weight_decay=1e-4)

    def rate(step: int) -> float:
        return min((step + 1) / 100, 0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * step / steps)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    checkpoint = Checkpoint(folder / "autoencoder.pt", encoder=enc, decoder=dec, optimizer=optimizer, schedule=schedule)
    first = checkpoint.restore()
    rng = np.random.default_rng(1000 + first)
    progress = Progress("autoencoder", steps, first)
    for step in range(first, steps):
        images = crops(studio, rng, CROPS).to(device, memory_format=torch.channels_last)
        with autocast(device):
            latent = enc(images)
            output = dec(latent + 0.1 * torch.randn_like(latent))
        loss = reconstruction_loss(output.float(), images) + 0.02 * gaussian_loss(latent)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        progress.update(step + 1, loss)
        if (step + 1) % 500 == 0:
            checkpoint.save(step + 1)
            progress.say(f"held-out PSNR {measure(enc, dec, studio, device):.2f} dB")
    checkpoint.save(steps)
