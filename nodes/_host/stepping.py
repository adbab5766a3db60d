"""What happens around a sampler and around each of its model calls."""

import torch

from .blending import Blending, tied_latents
from .noise import tied, tied_step_noise
from .progress import step_at
from .run import Run

_BY_NOISE_LEVEL = ("dpm_fast", "dpm_adaptive")  # samplers that choose their own steps


def counting_steps(run: Run):
    """SAMPLER_SAMPLE: the step counter."""

    def wrapper(executor, guider, sigmas, extra_args, callback, *args, **kwargs):
        def count(step, *report):
            run.step = step + 1
            if callback is not None:
                callback(step, *report)

        run.step = 0
        return executor(guider, sigmas, extra_args, count, *args, **kwargs)

    return wrapper


def tying_noise(run: Run):
    """SAMPLER_SAMPLE: one noise per group, at the start and at every step."""

    def wrapper(executor, guider, sigmas, extra_args, callback, noise, *args, **kwargs):
        noise = tied(noise, run.rows)
        with tied_step_noise(executor.class_obj, noise, sigmas, extra_args.get("seed"), run.rows):
            return executor(guider, sigmas, extra_args, callback, noise, *args, **kwargs)

    return wrapper


def tying_latents(blending: Blending):
    """SAMPLER_SAMPLE: the sampler's own latents tied by the local blend."""

    def wrapper(executor, *args, **kwargs):
        with tied_latents(executor.class_obj, blending):
            return executor(*args, **kwargs)

    return wrapper


def chooses_steps(sampler) -> bool:
    name = getattr(getattr(sampler, "sampler_function", None), "__name__", "")
    return any(part in name for part in _BY_NOISE_LEVEL)


def following_noise_level(run: Run, sigmas: torch.Tensor):
    """PREDICT_NOISE, for samplers that choose their steps: the step is read from the noise level of the call."""
    levels = sigmas.tolist()

    def wrapper(executor, x, timestep, *args, **kwargs):
        run.step = min(step_at(levels, float(timestep[0])), len(levels) - 2)
        return executor(x, timestep, *args, **kwargs)

    return wrapper


def blending_results(run: Run, blending: Blending):
    """PREDICT_NOISE: ties what the guider returns, after guidance and what other nodes do to it."""

    def wrapper(executor, x, timestep, *args, **kwargs):
        step = run.step
        return blending.blend(executor(x, timestep, *args, **kwargs), step)

    return wrapper
