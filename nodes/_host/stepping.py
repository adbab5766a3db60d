"""What happens around a sampler and around each of its model calls."""

from collections.abc import Sequence

import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.source_record import SourceRecord
from .blending import Blending, tied_latents
from .capturing import Capture, captured_latents
from .noise import tied, tied_step_noise
from .progress import step_at
from .recorded_tokens import RecordedTokens
from .replaying import recorded_latents, refuse_unrecorded
from .run import Run

_CHOOSE_STEPS = ("dpm_fast", "dpm_adaptive")
_BY_THE_PICTURE = "dpm_adaptive"  # the other chooses them by their number


def counting_steps(run: Run):
    """SAMPLER_SAMPLE: how many steps the sampler has reported."""

    def wrapper(executor, guider, sigmas, extra_args, callback, *args, **kwargs):
        def count(step, *report):
            run.reported = step + 1
            if callback is not None:
                callback(step, *report)

        run.reported = 0
        return executor(guider, sigmas, extra_args, count, *args, **kwargs)

    return wrapper


def following_steps(run: Run, sampler, sigmas: torch.Tensor):
    """PREDICT_NOISE: the step of the coming model call.

    It is the one in which the noise level of the call lies, but none that the sampler has not begun: a schedule may
    have several steps at one level. Samplers that choose their own steps report others than the schedule's.
    """
    levels = sigmas.tolist()
    by_level_alone = any(part in _name(sampler) for part in _CHOOSE_STEPS)

    def wrapper(executor, x, timestep, *args, **kwargs):
        sigma = float(timestep[0])
        run.begin_call(sigma)
        level = step_at(levels, sigma)
        run.step = level if by_level_alone else min(level, run.reported)
        return executor(x, timestep, *args, **kwargs)

    return wrapper


def _name(sampler) -> str:
    return getattr(getattr(sampler, "sampler_function", None), "__name__", "")


def tying_noise(run: Run):
    """SAMPLER_SAMPLE: one noise per group, at the start and at every step."""

    def wrapper(executor, guider, sigmas, extra_args, callback, noise, *args, **kwargs):
        noise = tied(noise, run.rows)
        with tied_step_noise(executor.class_obj, noise, sigmas, extra_args.get("seed"), run.rows):
            return executor(guider, sigmas, extra_args, callback, noise, *args, **kwargs)

    return wrapper


def recorded_noise(run: Run, record: SourceRecord):
    """SAMPLER_SAMPLE: the noise of the recorded run for the targets, at the start and at every step."""

    def wrapper(executor, guider, sigmas, extra_args, callback, noise, *args, **kwargs):
        _refuse_chosen_steps(executor.class_obj)
        noise = record.exact["noise"].to(noise).repeat_interleave(run.rows, 0)
        with tied_step_noise(executor.class_obj, noise, sigmas, extra_args.get("seed"), run.rows):
            return executor(guider, sigmas, extra_args, callback, noise, *args, **kwargs)

    return wrapper


def following_record(run: Run, record: SourceRecord):
    """PREDICT_NOISE: no model call that the recorded run did not make, of which every edit would be lost."""

    def wrapper(executor, *args, **kwargs):
        refuse_unrecorded(record, run.moment)
        return executor(*args, **kwargs)

    return wrapper


def _refuse_chosen_steps(sampler) -> None:
    if _BY_THE_PICTURE in _name(sampler):
        raise P2PError(
            "dpm_adaptive chooses its steps by the pictures, so those of an edit are not those of its source: record "
            "and edit with a sampler that follows the schedule."
        )


def tying_latents(run: Run, blending: Blending, record: SourceRecord | None):
    """SAMPLER_SAMPLE: the sampler's own latents tied by the local blend."""

    def sources(latents, sigma):
        if record is None:
            return None
        if sigma is None:
            return recorded_latents(record, "final", run.moment, latents)
        return recorded_latents(record, "latents", run.coming(float(sigma.flatten()[0])), latents)

    def wrapper(executor, *args, **kwargs):
        with tied_latents(executor.class_obj, blending, sources):
            return executor(*args, **kwargs)

    return wrapper


def blending_results(run: Run, blending: Blending, record: SourceRecord | None):
    """PREDICT_NOISE: ties what the guider returns, after guidance and what other nodes do to it."""

    def wrapper(executor, x, timestep, *args, **kwargs):
        step, moment = run.step, run.moment
        denoised = executor(x, timestep, *args, **kwargs)
        sources = None if record is None else recorded_latents(record, "denoised", moment, denoised)
        return blending.blend(denoised, step, sources)

    return wrapper


def capturing_latents(captures: Sequence[Capture]):
    """SAMPLER_SAMPLE: the sampler's own latents, for the records."""

    def wrapper(executor, *args, **kwargs):
        _refuse_chosen_steps(executor.class_obj)
        with captured_latents(executor.class_obj, captures):
            return executor(*args, **kwargs)

    return wrapper


def capturing_results(run: Run, captures: Sequence[Capture], tokens: RecordedTokens):
    """PREDICT_NOISE: what the guider returns, and what the words of the prompts looked at, for the records."""

    def wrapper(executor, x, *args, **kwargs):
        step, moment, latents = run.step, run.moment, x.clone()
        for capture in captures:
            capture.begin_call(run.step)
        denoised = executor(x, *args, **kwargs)
        for capture in captures:
            capture.predicted(moment, latents, denoised)
        for seen in tokens.take(step):
            for capture in captures:
                capture.seen(*seen)
        return denoised

    return wrapper
