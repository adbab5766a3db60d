"""Guided runs of the tiny model, for tests."""

from contextlib import contextmanager

import torch
from p2p.nodes.attention_guidance import P2PAttentionGuidance

from .graph import empty_latent, outputs, plain_text, sample, text

PROMPT = "a red car and a blue cat on grass"
SETTINGS = {
    "words": "car, cat", "objective": "be present", "scale": 1.0, "start": 0.0, "end": 0.5, "iterations": 1,
    "x": 0.3, "y": 0.3, "width": 0.4, "height": 0.4, "largest_grid": "coarse",
}  # fmt: skip


def guided(model, **settings):
    """The model with P2P Attention Guidance."""
    return outputs(P2PAttentionGuidance, model=model, **{**SETTINGS, **settings})[0]


def run(model, clip, prompt: str = PROMPT, latent=None, **settings) -> torch.Tensor:
    """What a stock KSampler makes of a prompt of P2P Text Encode."""
    latent = latent or empty_latent()
    return sample(model, text(clip, prompt), plain_text(clip, ""), latent, **settings)


@contextmanager
def counted_gradients(monkeypatch):
    """A list that gets the shape of the latents for every gradient that is taken."""
    taken, grad = [], torch.autograd.grad

    def counting(outputs_, inputs, *args, **kwargs):
        if not isinstance(inputs, tuple):  # those of the probe of the kernel are three
            taken.append(tuple(inputs.shape))
        return grad(outputs_, inputs, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.autograd, "grad", counting)
        yield taken
