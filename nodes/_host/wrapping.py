"""Which wrappers and patches a run puts in its options, and in which order."""

from comfy.patcher_extension import WrappersMP, add_wrapper_with_key

from .live import telling_steps
from .marking import marking_chunks
from .patches import install_patches
from .run_parts import RunParts
from .stepping import (
    blending_results,
    capturing_latents,
    capturing_results,
    counting_steps,
    following_record,
    following_steps,
    recorded_noise,
    tying_latents,
    tying_noise,
)

WRAPPER_KEY = "prompt_to_prompt"
_SAMPLE, _PREDICT = WrappersMP.SAMPLER_SAMPLE, WrappersMP.PREDICT_NOISE


def install_parts(parts: RunParts) -> None:
    """Puts wrappers (the earlier ones outside) and patches in the guider's copy of the options."""
    guider = parts.inputs.guider
    options = guider.model_options
    for kind, wrapper in (*_wrappers_of_every_run(parts), *_wrappers_of_sources(parts), *_wrappers_of_results(parts)):
        add_wrapper_with_key(kind, WRAPPER_KEY, wrapper, options, is_model_options=True)
    network = guider.model_patcher.model.diffusion_model
    install_patches(options.setdefault("transformer_options", {}), parts.run, network)


def _wrappers_of_every_run(parts: RunParts) -> list[tuple]:
    """Those that say where the run is."""
    run, start = parts.run, parts.inputs.start
    return [
        (WrappersMP.CALC_COND_BATCH, marking_chunks(run, parts.inputs.guider, parts.marks)),
        (_SAMPLE, counting_steps(run)),
        (_PREDICT, following_steps(run, start.sampler, start.sigmas)),
        (_PREDICT, telling_steps(run, parts.live, len(start.sigmas) - 1)),
    ]


def _wrappers_of_sources(parts: RunParts) -> list[tuple]:
    """Those that start source and targets from one noise, be the source recorded or in the batch."""
    run, record = parts.run, parts.record
    if record is not None:
        return [(_SAMPLE, recorded_noise(run, record)), (_PREDICT, following_record(run, record))]
    return [(_SAMPLE, tying_noise(run))] if run.rows > 1 else []


def _wrappers_of_results(parts: RunParts) -> list[tuple]:
    """Those that record or tie the latents of every step."""
    run, captures, blending, record = parts.run, parts.captures, parts.blending, parts.record
    wrappers = []
    if captures:
        wrappers += [(_SAMPLE, capturing_latents(captures)), (_PREDICT, capturing_results(run, captures, parts.tokens))]
    if blending is not None:
        wrappers += [
            (_SAMPLE, tying_latents(run, blending, record)),
            (_PREDICT, blending_results(run, blending, record)),
        ]
    return wrappers
