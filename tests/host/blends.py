"""Runs with a local blend, and what it ties in them."""

from dataclasses import dataclass

import comfy.samplers
import torch
from einops import rearrange
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.local_blend import P2PLocalBlend
from p2p.nodes.move import P2PMoveController
from p2p.nodes.reweight import P2PReweightController

import nodes as host_nodes

from .graph import SOURCE, empty_latent, outputs, text

SIZE = (16, 12)  # of the latents: not square
GRID = (8, 6)
THRESHOLD = 0.96  # random weights have flat maps


def blended_controller(controller, **settings):
    names = {"target_words": "", "source_words": "", "keep_words": "", "threshold": THRESHOLD}
    return outputs(
        P2PLocalBlend, controller=controller, **{**names, "threshold_rule": "max", "start": 0.2, **settings}
    )[0]


def fader(clip):
    return outputs(P2PReweightController, scales="cat: -1\ngrass: 2 @ 0-0.6", conditioning=text(clip, SOURCE))[0]


def moved(clip):
    settings = {"offset_x": 0.25, "offset_y": -0.1, "scale": 1.2, "start": 0.0, "end": 0.6}
    return outputs(P2PMoveController, word="cat", conditioning=text(clip, SOURCE), **settings)[0]


def latent(batch=1, **extra):
    return {**empty_latent(SIZE[1] * 8, SIZE[0] * 8, batch), **extra}


def watched(model):
    """The model with a store, which brings its attention into the form that a blend brings it to."""
    return outputs(
        P2PAttentionStore, model=model, words="", prompt="positive", largest_grid="coarse", start=0.0, end=1.0,
        keep_steps=False,
    )[0]  # fmt: skip


def guided(model, positive, negative, latent, sampler, steps=5, seed=1) -> torch.Tensor:
    """The latent that a stock CFG guider makes with a sampler object."""
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(5.0)
    sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "normal", steps)
    noise = host_nodes.comfy.sample.prepare_noise(latent["samples"], seed, latent["batch_index"])
    mask = latent.get("noise_mask")
    return guider.sample(noise, latent["samples"], sampler, sigmas, denoise_mask=mask, seed=seed)


@dataclass
class Ties:
    """Every call of ``blended`` in a run: the latents before, and (groups, targets, 1, height, width) masks."""

    before: list
    masks: list

    def outside(self, latents) -> float:
        """By how much targets differ from their sources outside the last masks, relative to the sources."""
        groups = rearrange(latents, "(g r) c h w -> g r c h w", r=1 + self.masks[-1].shape[1])
        differences = (groups[:, 1:] - groups[:, :1]) * ~self.masks[-1]
        return float(differences.norm() / groups[:, :1].norm())

    def inside(self, latents) -> float:
        groups = rearrange(latents, "(g r) c h w -> g r c h w", r=1 + self.masks[-1].shape[1])
        differences = (groups[:, 1:] - groups[:, :1]) * self.masks[-1]
        return float(differences.norm() / groups[:, :1].norm())
