"""Small graphs of real nodes, run in this process."""

import torch
from p2p.nodes.apply import P2PApply
from p2p.nodes.replace import P2PReplaceController
from p2p.nodes.text_encode import P2PTextEncode

import nodes as host_nodes

SOURCE, TARGET = "a photo of a cat on grass", "a photo of a dog on grass"


def outputs(node, **inputs):
    return node.execute(**inputs).args


def text(clip, prompt: str):
    return outputs(P2PTextEncode, clip=clip, text=prompt)[0]


def plain_text(clip, prompt: str):
    return host_nodes.CLIPTextEncode().encode(clip, prompt)[0]


def empty_latent(width: int = 128, height: int = 128, batch: int = 1) -> dict:
    return host_nodes.EmptyLatentImage().generate(width, height, batch)[0]


def replace_controller(clip, source: str = SOURCE, target: str = TARGET, **inputs):
    settings = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": "", **inputs}
    return outputs(P2PReplaceController, source=text(clip, source), target=text(clip, target), **settings)[0]


def applied(model, clip, controller, latent=None, negative: str = ""):
    """(model, positive, negative, latent) of P2P Apply."""
    return outputs(
        P2PApply,
        model=model,
        controller=controller,
        negative=plain_text(clip, negative),
        latent=latent or empty_latent(),
    )


def sample(
    model, positive, negative, latent, seed=1, steps=4, cfg=5.0, sampler="euler", scheduler="normal", **advanced
) -> torch.Tensor:
    """The latent that a stock KSampler makes."""
    result = host_nodes.common_ksampler(
        model, seed, steps, cfg, sampler, scheduler, positive, negative, latent, **advanced
    )
    return result[0]["samples"]


def rows_of(*conditionings):
    """Prompts as the rows of one ordinary conditioning: the same batch without Prompt-to-Prompt."""
    cond = torch.cat([conditioning[0][0] for conditioning in conditionings])
    pooled = torch.cat([conditioning[0][1]["pooled_output"] for conditioning in conditionings])
    return [[cond, {"pooled_output": pooled}]]


def for_any_model(positive, *others):
    """What a sampler gets, with the positive of P2P Apply for models without edits or with edits of other means."""
    free = [[cond, {name: value for name, value in extras.items() if name != "hooks"}] for cond, extras in positive]
    return free, *others


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())
