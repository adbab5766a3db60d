"""What P2P Attention Guidance leaves on a model: one wrapper around sampling, which does all else.

As with P2P Apply nothing is patched when the node runs: the wrapper works in the run's own copy of the model's options.
In a step that is guided the latents are changed before the model predicts from them; in all others, and where every
guidance is off, nothing happens at all.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from comfy.patcher_extension import WrappersMP, add_wrapper_with_key

from ...p2p_core.attention_objectives import Objective
from ...p2p_core.errors import P2PError
from ...p2p_core.guidance import Guidance, change
from ...p2p_core.reference_attention import StayLikeRecord
from .grids import coarse_factor, largest_grid
from .guiding_checks import refuse_without_gradient
from .guiding_pass import GradientPass
from .guiding_reference import stay_like_record
from .guiding_steps import OwnLatents, StepStarts, name_of
from .guiding_words import GatheredMaps, WatchedEntry, watched_entries
from .patches import has_cross_attention
from .progress import progress_of

WRAPPER_KEY = "prompt_to_prompt_guidance"
_GUIDANCES = "p2p_guidances"  # attachment of the model: what is asked for, in order


def with_guidance(model, guidance: Guidance):
    """A clone of the model whose runs are guided, beside what it had.

    Raises:
        P2PError: the model has no cross-attention on text.
    """
    if not has_cross_attention(model.model.diffusion_model):
        raise P2PError(
            f"{type(model.model).__name__} has no cross-attention on its prompt: P2P Attention Guidance guides SDXL "
            "and SD 1.5 models. Connect one of those."
        )
    patched = model.clone()
    patched.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, WRAPPER_KEY)
    patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, WRAPPER_KEY, _outer_sample)
    patched.set_attachments(_GUIDANCES, (*(model.get_attachment(_GUIDANCES) or ()), guidance))
    return patched


def _outer_sample(executor, noise, latent_image, sampler, sigmas, *args, **kwargs):
    """Around one whole sampling run."""
    guider = executor.class_obj
    patcher = guider.model_patcher
    *progress, _ = progress_of(patcher.get_model_object("model_sampling"), sigmas)
    guidances = [
        guidance for guidance in patcher.get_attachment(_GUIDANCES) or () if any(map(guidance.acts_at, progress))
    ]
    guiding = None
    if guidances:
        refuse_without_gradient(patcher, guider.model_options)
        guiding = _Guiding(guider, guidances, noise, progress)
        starts = StepStarts(name_of(sampler), sigmas.tolist())
        own = OwnLatents()
        _install(guider.model_options, WrappersMP.SAMPLER_SAMPLE, _knowing_latents(starts, own))
        _install(guider.model_options, WrappersMP.PREDICT_NOISE, _changing_latents(guiding, starts, own))
    result = executor(noise, latent_image, sampler, sigmas, *args, **kwargs)
    if guiding is not None and not guiding.has_changed:
        logging.warning(
            "Prompt-to-Prompt: attention guidance changed nothing. Its words are in no prompt that acts in its window, "
            "or this sampler (%s) begins its steps at noise levels that are not in its schedule, as s_churn does.",
            name_of(sampler) or type(sampler).__name__,
        )
    return result


def _install(options: dict, kind: str, wrapper) -> None:
    """Puts a wrapper around all others of its kind: local blend ties what guidance has changed, not the reverse."""
    add_wrapper_with_key(kind, WRAPPER_KEY, wrapper, options, is_model_options=True)
    wrappers = options["transformer_options"]["wrappers"][kind]
    others = {key: found for key, found in wrappers.items() if key != WRAPPER_KEY}
    for key in others:
        del wrappers[key]
    wrappers.update(others)


def _knowing_latents(starts: StepStarts, own: OwnLatents):
    """SAMPLER_SAMPLE: which steps were begun, and the sampler's own latents."""

    def wrapper(executor, guider, sigmas, extra_args, callback, *args, **kwargs):
        def count(step, *report):
            starts.report(step)
            if callback is not None:
                callback(step, *report)

        with own.known(executor.class_obj):
            return executor(guider, sigmas, extra_args, count, *args, **kwargs)

    return wrapper


def _changing_latents(guiding: "_Guiding", starts: StepStarts, own: OwnLatents):
    """PREDICT_NOISE: changes the latents at the beginning of the steps that are guided."""

    def wrapper(executor, x, timestep, model_options=None, *args, **kwargs):
        model_options = model_options or {}
        step = starts.begun(float(timestep[0]))
        for guided in guiding.at(step):
            for _ in range(guided.guidance.iterations):
                x = own.changed(x, guiding.change(guided, step, x, timestep, model_options))
        return executor(x, timestep, model_options, *args, **kwargs)

    return wrapper


@dataclass(frozen=True, eq=False)
class _Guided:
    """One guidance in one run: its objective made ready, and the prompts that have its words, by uuid."""

    guidance: Guidance
    objective: Objective
    entries: Mapping[object, WatchedEntry]


class _Guiding:
    """The guidances of one run."""

    def __init__(self, guider, guidances: Sequence[Guidance], noise: torch.Tensor, progress: Sequence[float]) -> None:
        """Raises:
        P2PError: a word that no prompt has, or a reference that does not fit.
        """
        self.has_changed = False
        self._progress, self._pass = progress, GradientPass(guider)
        self._latent = tuple(noise.shape[-2:])
        self._factor = coarse_factor(guider.model_patcher.model)
        self._guided = [
            _Guided(one, _objective(one, guider, noise, progress), watched_entries(guider.conds, one.words))
            for one in guidances
        ]

    def at(self, step: int | None) -> list[_Guided]:
        """Those that act at a step; none in a call that begins no step."""
        if step is None:
            return []
        return [guided for guided in self._guided if guided.guidance.acts_at(self._progress[step])]

    def change(self, guided: _Guided, step: int, x: torch.Tensor, timestep: torch.Tensor, options: dict):
        """What one update adds to the latents."""
        guidance, progress = guided.guidance, self._progress[step]
        largest = largest_grid(self._factor, guidance.grids, self._latent)
        gathered = GatheredMaps(guided.entries, largest, self._latent)
        found = self._pass(gathered, guided.objective, progress, x, timestep, options)
        if found is None:
            return torch.zeros_like(x)
        self.has_changed = True
        losses, gradient = found
        return change(gradient, losses, guidance.scale, timestep, progress)


def _objective(guidance: Guidance, guider, noise: torch.Tensor, progress: Sequence[float]) -> Objective:
    """That of a guidance, made ready for a run."""
    objective = guidance.objective
    if isinstance(objective, StayLikeRecord):
        return stay_like_record(objective, guidance, guider, noise, progress)
    return objective.for_run(noise.shape[0])
