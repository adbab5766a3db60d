"""Trains the judge on rendered scenes: clean, degraded, and as the autoencoder decodes them (noisy latents too)."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torchvision.transforms.functional import gaussian_blur

from ..autoencoder import decoder, encoder
from ..judge import Judge, Network
from ..vocabulary import BACKGROUNDS, COLOURS, OBJECTS
from .checkpoint import Checkpoint, Progress
from .scenes import Scene, Studio

BATCH, POOL = 32, 6400


@dataclass(frozen=True)
class Labelled:
    """Pictures (n, 3, h, w) uint8 with pixel labels at half the resolution (n, h/2, w/2) and background numbers."""

    pictures: torch.Tensor
    objects: torch.Tensor
    colours: torch.Tensor
    backgrounds: torch.Tensor

    def __getitem__(self, index) -> "Labelled":
        return Labelled(self.pictures[index], self.objects[index], self.colours[index], self.backgrounds[index])


def label(scene: Scene, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel labels (h/2, w/2) of one scene: 1 + object number and 1 + colour number, 0 for none."""
    objects = np.zeros(masks.shape[1:], np.uint8)
    colours = np.zeros_like(objects)
    for placed, mask in zip(scene.objects, masks, strict=True):
        objects[mask] = 1 + OBJECTS.index(placed.name)
        colours[mask] = 0 if placed.colour is None else 1 + COLOURS.index(placed.colour)
    return objects[::2, ::2], colours[::2, ::2]


def draw(studio: Studio, rng: np.random.Generator, count: int, pair: float) -> Labelled:
    scenes = [studio.compose(rng, pair=pair) for _ in range(count)]
    drawn = [studio.draw(scene, rng) for scene in scenes]
    labels = [label(scene, masks) for scene, (_, masks) in zip(scenes, drawn, strict=True)]
    return Labelled(
        torch.from_numpy(np.stack([picture for picture, _ in drawn])).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(np.stack([objects for objects, _ in labels])),
        torch.from_numpy(np.stack([colours for _, colours in labels])),
        torch.tensor([BACKGROUNDS.index(scene.background) for scene in scenes]),
    )


@torch.no_grad()
def decoded(batch: Labelled, networks, noise: float, device: torch.device) -> Labelled:
    """The same scenes as the autoencoder gives them back, its latents disturbed by up to ``noise``."""
    enc, dec = networks
    latent = enc(batch.pictures.to(device, memory_format=torch.channels_last).float() / 255)
    strength = noise * torch.rand(len(latent), 1, 1, 1, device=device)
    pictures = dec(latent + strength * torch.randn_like(latent)).clamp(0, 1)
    return Labelled((pictures * 255).to(torch.uint8).cpu(), batch.objects, batch.colours, batch.backgrounds)


def load_autoencoder(folder: Path, device: torch.device):
    state = torch.load(folder / "autoencoder.pt", weights_only=True)
    networks = encoder(), decoder()
    for network, part in zip(networks, ("encoder", "decoder"), strict=True):
        network.load_state_dict(state[part])
        network.to(device, memory_format=torch.channels_last)
    return networks


def join(batches: list[Labelled]) -> Labelled:
    fields = ("pictures", "objects", "colours", "backgrounds")
    return Labelled(*(torch.cat([getattr(batch, name) for batch in batches]) for name in fields))


def degrade(pictures: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Blur, noise, brightness and contrast, as a denoiser's imperfect pictures have them."""
    if rng.random() < 0.5:
        pictures = gaussian_blur(pictures, 5, float(rng.uniform(0.3, 1.8)))
    scale = 1 + 0.15 * (torch.rand(len(pictures), 3, 1, 1) * 2 - 1)
    shift = 0.06 * (torch.rand(len(pictures), 3, 1, 1) * 2 - 1)
    noise = 0.05 * torch.rand(len(pictures), 1, 1, 1) * torch.randn_like(pictures)
    return (pictures * scale + shift + noise).clamp(0, 1)


def loss_of(network: Network, batch: Labelled, rng: np.random.Generator, device: torch.device) -> torch.Tensor:
    pictures = degrade(batch.pictures.float() / 255, rng).to(device, memory_format=torch.channels_last)
    labels = network(pictures)
    wanted = batch.objects.long().to(device)
    colours = batch.colours.long().to(device)
    inside = (wanted > 0).float()
    which = F.cross_entropy(labels.objects, (wanted - 1).clamp(min=0), reduction="none")
    coloured = F.cross_entropy(labels.colours, colours, reduction="none")
    present = F.one_hot(wanted, 1 + len(OBJECTS)).amax((1, 2))[:, 1:].float()
    return (
        F.cross_entropy(labels.present, present / present.sum(1, keepdim=True))
        + F.binary_cross_entropy_with_logits(labels.inside, inside)
        + ((0.5 * which + coloured) * inside).sum() / inside.sum()
        + 0.3 * F.cross_entropy(labels.background, batch.backgrounds.to(device))
    )


@torch.no_grad()
def accuracy(judge: Judge, batch: Labelled) -> dict[str, float]:
    """Shares of pictures with the right object, colour and background, and the mean IoU of the mask at half."""
    wanted = batch.objects.flatten(1).amax(1).long() - 1
    colour = batch.colours.flatten(1).amax(1).long()
    right = {"object": 0.0, "colour": 0.0, "background": 0.0, "mask_iou": 0.0}
    for window in torch.arange(len(wanted)).split(64):
        verdict = judge(batch.pictures[window].permute(0, 2, 3, 1).float() / 255)
        natural = 1 - verdict.colour_probability.sum(1, keepdim=True)
        seen = torch.cat([natural, verdict.colour_probability], 1).argmax(1)
        mask, true = verdict.mask[:, ::2, ::2] > 0.5, batch.objects[window] > 0
        overlap = (mask & true).sum((1, 2)) / (mask | true).sum((1, 2))
        right["object"] += float((verdict.object_probability.argmax(1) == wanted[window]).sum())
        right["colour"] += float((seen == colour[window]).sum())
        right["background"] += float((verdict.background_probability.argmax(1) == batch.backgrounds[window]).sum())
        right["mask_iou"] += float(overlap.sum())
    return {name: value / len(wanted) for name, value in right.items()}


def train(studio: Studio, folder: Path, steps: int, device: torch.device) -> None:
    torch.manual_seed(2)
    networks = load_autoencoder(folder, device)
    network = Network().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 100, 0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * step / steps)))
    )
    checkpoint = Checkpoint(folder / "judge.pt", judge=network, optimizer=optimizer, schedule=schedule)
    first = checkpoint.restore()
    rng = np.random.default_rng(5000 + first)
    pool = _pool(studio, folder, networks, device)
    progress = Progress("judge", steps, first)
    for step in range(first, steps):
        index = torch.from_numpy(rng.integers(len(pool.pictures), size=BATCH // 2))
        batch = join([draw(studio, rng, BATCH // 2, pair=0.15), pool[index]])
        loss = loss_of(network.train(), batch, rng, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        progress.update(step + 1, loss)
        if (step + 1) % 500 == 0 or step + 1 == steps:
            checkpoint.save(step + 1)
            for name, result in evaluate(network, studio, networks, device).items():
                progress.say(f"{name}: " + ", ".join(f"{key} {value:.4f}" for key, value in result.items()))


def evaluate(network: Network, studio: Studio, networks, device: torch.device) -> dict[str, dict[str, float]]:
    """Accuracy on 512 scenes that training never saw, as rendered and as the autoencoder decodes them."""
    held_out = draw(studio, np.random.default_rng(77), 512, pair=0.0)
    parts = [decoded(held_out[window], networks, 0.0, device) for window in torch.arange(512).split(64)]
    judge = Judge(network)
    return {"rendered": accuracy(judge, held_out), "decoded": accuracy(judge, join(parts))}


def _pool(studio: Studio, folder: Path, networks, device: torch.device) -> Labelled:
    """Decoded scenes, made once."""
    path = folder / "judge_pool.pt"
    if path.exists():
        return Labelled(**torch.load(path, weights_only=True))
    rng, parts = np.random.default_rng(6000), []
    progress = Progress("judge scenes", POOL)
    for _ in range(POOL // 64):
        parts.append(decoded(draw(studio, rng, 64, pair=0.15), networks, 0.35, device))
        progress.update(64 * len(parts), torch.zeros(()))
    pool = join(parts)
    torch.save(vars(pool), path)
    return pool
