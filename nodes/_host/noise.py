"""The same noise in every row of a group, at the start and at every step of a stochastic sampler.

Rows of a batch normally draw different noise, so that source and target would drift apart for reasons that have
nothing to do with their prompts.
"""

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import comfy.k_diffusion.sampling as k_sampling
import torch

from ...p2p_core.errors import P2PError


def tied(noise: torch.Tensor, rows: int) -> torch.Tensor:
    """(groups·rows, …) noise in which every row has the noise of its group's source."""
    return noise[::rows].repeat_interleave(rows, 0)


@contextmanager
def tied_step_noise(sampler, noise: torch.Tensor, sigmas: torch.Tensor, seed: int | None, rows: int) -> Iterator[None]:
    """While inside, the sampler draws its step noise once per group, exactly as it would for the sources alone."""
    function, options = getattr(sampler, "sampler_function", None), getattr(sampler, "extra_options", None)
    if function is None or options is None:
        logging.warning(
            "Prompt-to-Prompt: %s is not a stock sampler; if it draws noise of its own, source and target may drift "
            "apart.",
            type(sampler).__name__,
        )
        yield
        return
    if options.get("s_churn", 0) > 0:
        raise P2PError("s_churn draws different noise for source and target: set it to 0, or use another sampler.")
    takes_noise = "noise_sampler" in inspect.signature(function).parameters
    if not takes_noise or options.get("noise_sampler") is not None:
        yield
        return
    step_noise = _noise_of_sources(function.__name__, noise[::rows], sigmas, seed)
    # A new dictionary: the host shares one default among all samplers.
    sampler.extra_options = {
        **options,
        "noise_sampler": lambda sigma, sigma_next: step_noise(sigma, sigma_next).repeat_interleave(rows, 0),
    }
    try:
        yield
    finally:
        sampler.extra_options = options


def _noise_of_sources(name: str, sources: torch.Tensor, sigmas: torch.Tensor, seed: int | None) -> Callable:
    """What the sampler itself would make for a batch of the sources, made when first asked for."""
    made: list[Callable] = []

    def step_noise(sigma, sigma_next):
        if not made:
            made.append(_noise_sampler(name, sources, sigmas, seed))
        return made[0](sigma, sigma_next)

    return step_noise


def _noise_sampler(name: str, sources: torch.Tensor, sigmas: torch.Tensor, seed: int | None) -> Callable:
    # By name, as of ComfyUI 0.3.75 to 0.8.0: the DPM-Solver++ SDE family integrates one Brownian path.
    if "dpmpp" in name and "sde" in name:
        low, high = sigmas[sigmas > 0].min(), sigmas.max()
        return k_sampling.BrownianTreeNoiseSampler(sources, low, high, seed=seed, cpu=not name.endswith("_gpu"))
    return k_sampling.default_noise_sampler(sources, seed=seed)
