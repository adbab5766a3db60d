"""One run of the host's sampler, of which the part that is its steps can be told from what comes before and after."""

from collections.abc import Callable

import comfy.sample
import torch
from comfy.patcher_extension import WrappersMP

from .edits import Sampled

SAMPLER, SCHEDULER, CFG = "euler", "simple", 5.0  # "simple" starts its n steps at progress 0, 1/n, 2/n …
_KEY = "benchmark"


def sample(
    sampled: Sampled,
    steps: int,
    at_start: Callable[[], None] = lambda: None,
    at_step: Callable[[], None] = lambda: None,
) -> torch.Tensor:
    """The latents that the host's sampler makes.

    Args:
        at_start: called before the first model call, when the sampler is set up.
        at_step: called after each step's model call.
    """
    model = sampled.model.clone()
    begun: list[bool] = []

    def beginning(executor, *args, **kwargs):
        if not begun:
            begun.append(True)
            at_start()
        return executor(*args, **kwargs)

    model.add_wrapper_with_key(WrappersMP.PREDICT_NOISE, _KEY, beginning)
    latent = comfy.sample.fix_empty_latent_channels(model, sampled.latent["samples"])
    noise = comfy.sample.prepare_noise(latent, 1, sampled.latent.get("batch_index"))
    return comfy.sample.sample(
        model,
        noise,
        steps,
        CFG,
        SAMPLER,
        SCHEDULER,
        sampled.positive,
        sampled.negative,
        latent,
        callback=lambda *report: at_step(),
        disable_pbar=True,
        seed=1,
    )
