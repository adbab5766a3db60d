"""What P2P Apply and P2P Attention Store leave on a model: one wrapper around sampling, which does all else.

Nothing is patched when a node runs. The wrapper edits the run's own copy of the model's options, which the host drops
when the run ends, however it ends. Running last, it sees what every other node installed: its patches go first in their
lists, so that they act on rows that nobody has merged or split yet, and a replaced attn2 goes around the one there is.
"""

from collections.abc import Sequence

import torch
from comfy.patcher_extension import WrappersMP, add_wrapper_with_key

from ...p2p_core.attention_store import AttentionStore
from ...p2p_core.errors import P2PError
from .blending import Blending
from .conditioning import GROUP_KEY, Group
from .grids import coarse_factor
from .marking import marking_chunks
from .patches import has_cross_attention, install_patches
from .progress import progress_of
from .run import Mark, Run, plan_of
from .stepping import blending_results, chooses_steps, counting_steps, following_noise_level, tying_rows
from .storing import Recording

WRAPPER_KEY = "prompt_to_prompt"
_EDITS, _STORES = "p2p_edits", "p2p_stores"  # attachments of the model: True, and the stores


def with_edits(model):
    """A clone of the model that applies the edits its positive conditioning carries.

    Raises:
        P2PError: the model has no cross-attention on text.
    """
    patched = _wrapped(model)
    patched.set_attachments(_EDITS, True)
    return patched


def with_store(model, store: AttentionStore):
    """A clone of the model whose runs fill the store, as well as those it had.

    Raises:
        P2PError: the model has no cross-attention on text.
    """
    patched = _wrapped(model)
    patched.set_attachments(_STORES, (*(model.get_attachment(_STORES) or ()), store))
    return patched


def _wrapped(model):
    if not has_cross_attention(model.model.diffusion_model):
        raise P2PError(
            f"{type(model.model).__name__} has no cross-attention on its prompt: Prompt-to-Prompt edits SDXL and "
            "SD 1.5 models. Connect one of those."
        )
    patched = model.clone()
    patched.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, WRAPPER_KEY)
    patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, WRAPPER_KEY, _outer_sample)
    return patched


def _outer_sample(executor, noise, latent_image, sampler, sigmas, *args, **kwargs):
    """Around one whole sampling run: makes its state and installs everything in its options."""
    guider = executor.class_obj
    patcher, options = guider.model_patcher, guider.model_options
    progress = progress_of(patcher.get_model_object("model_sampling"), sigmas[:-1])
    entries = {(name, entry["uuid"]): entry for name, found in guider.conds.items() for entry in found or ()}
    groups = [entry[GROUP_KEY] for entry in entries.values() if GROUP_KEY in entry]
    rows = _rows_per_group(groups, noise, bool(patcher.get_attachment(_EDITS)))
    latent = tuple(noise.shape[-2:])
    blending = Blending(groups, progress, latent) if groups else None
    stores = patcher.get_attachment(_STORES) or ()
    recordings = [Recording(store, guider.conds, progress, latent) for store in stores]
    marks = {key: _mark(key, entry, blending, recordings) for key, entry in entries.items()}
    marks = {key: mark for key, mark in marks.items() if mark.group or mark.watches}
    plans = {group: plan_of(group, progress) for group in groups}
    run = Run(rows, plans, tuple(marks.values()), coarse_factor(patcher.model))

    def install(kind: str, wrapper) -> None:
        add_wrapper_with_key(kind, WRAPPER_KEY, wrapper, options, is_model_options=True)

    install(WrappersMP.CALC_COND_BATCH, marking_chunks(run, guider, marks))
    install(WrappersMP.SAMPLER_SAMPLE, counting_steps(run))
    if chooses_steps(sampler):
        install(WrappersMP.PREDICT_NOISE, following_noise_level(run, sigmas))
    if blending is not None:
        install(WrappersMP.SAMPLER_SAMPLE, tying_rows(run, blending))
        if blending.is_needed:
            install(WrappersMP.PREDICT_NOISE, blending_results(run, blending))
    install_patches(options.setdefault("transformer_options", {}), run, patcher.model.diffusion_model)
    result = executor(noise, latent_image, sampler, sigmas, *args, **kwargs)
    for recording in recordings:
        recording.finish()
    if blending is not None:
        blending.refuse_lost_edits()
    return result


def _mark(key: tuple, entry: dict, blending: Blending | None, recordings: Sequence[Recording]) -> Mark:
    group = entry.get(GROUP_KEY)
    seen = [] if group is None or blending is None else [*blending.watches(group, entry)]
    for recording in recordings:
        seen += recording.watches(key)
    return Mark(group, tuple(seen))


def _rows_per_group(groups: Sequence[Group], noise: torch.Tensor, has_edits: bool) -> int:
    if has_edits and not groups:
        raise P2PError(
            "This sampler got the model of P2P Apply without its positive conditioning: connect the positive output of "
            "the same P2P Apply, or the model from before it."
        )
    if groups and not has_edits:
        raise P2PError(
            "This sampler got the positive conditioning of P2P Apply without its model: connect the model output of "
            "the same P2P Apply (P2P Attention Store goes before or after it)."
        )
    if not groups:
        return 1
    rows = groups[0].rows
    if any(group.rows != rows for group in groups):
        raise P2PError("Conditionings of P2P Apply nodes with different numbers of targets cannot be combined.")
    if noise.shape[0] % rows:
        raise P2PError(
            f"The latent has {noise.shape[0]} rows, but every group needs {rows} (a source and its targets): connect "
            "the latent output of P2P Apply to the sampler."
        )
    return rows
