"""What P2P Apply leaves on a model: one wrapper around sampling, which puts everything else in place for one run.

Nothing is patched when the node runs. The wrapper edits the run's own copy of the model's options, which the host drops
when the run ends, however it ends. Running last, it sees what every other node installed: its patches go first in their
lists, so that they act on rows that nobody has merged or split yet, and a replaced attn2 goes around the one there is.
"""

from collections.abc import Sequence

import torch
from comfy.ldm.modules.attention import BasicTransformerBlock, optimized_attention
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.patcher_extension import WrappersMP, add_wrapper_with_key

from ...p2p_core.errors import P2PError
from .attention import cross_attention_patch, cross_attention_replacement, self_attention_patch
from .conditioning import GROUP_KEY, Group
from .noise import tied, tied_step_noise
from .progress import progress_of, step_at
from .run import Run, plans_of

WRAPPER_KEY = "prompt_to_prompt"
_PAPER_FACTOR = 4  # the paper injects at most at 16×16 of a 64×64 latent
_BY_NOISE_LEVEL = ("dpm_fast", "dpm_adaptive")  # samplers that choose their own steps


def with_edits(model):
    """A clone of the model that applies the edits its positive conditioning carries.

    Raises:
        P2PError: the model has no cross-attention on text.
    """
    network = model.model.diffusion_model
    if not isinstance(network, UNetModel) or not any(_cross_attention_sites(network)):
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
    lists = {
        name: [entry for entry in entries if GROUP_KEY in entry] for name, entries in guider.conds.items() if entries
    }
    groups = [entry[GROUP_KEY] for entries in lists.values() for entry in entries]
    rows = _rows_per_group(groups, noise)
    progress = progress_of(guider.model_patcher.get_model_object("model_sampling"), sigmas[:-1])
    run = Run(rows, plans_of(groups, progress), _coarse_factor(guider.model_patcher.model))
    options = guider.model_options
    edited_lists = tuple(name for name, entries in lists.items() if entries)
    _install_wrapper(options, WrappersMP.CALC_COND_BATCH, _marking_chunks(run, guider, edited_lists))
    _install_wrapper(options, WrappersMP.SAMPLER_SAMPLE, _tying_rows(run))
    if _chooses_steps(sampler):
        _install_wrapper(options, WrappersMP.PREDICT_NOISE, _following_noise_level(run, sigmas))
    _install_patches(options.setdefault("transformer_options", {}), run, guider.model_patcher.model.diffusion_model)
    return executor(noise, latent_image, sampler, sigmas, *args, **kwargs)


def _rows_per_group(groups: Sequence[Group], noise: torch.Tensor) -> int:
    if not groups:
        raise P2PError(
            "This sampler got the model of P2P Apply without its positive conditioning: connect the positive output of "
            "the same P2P Apply, or the model from before it."
        )
    rows = groups[0].rows
    if any(group.rows != rows for group in groups):
        raise P2PError("Conditionings of P2P Apply nodes with different numbers of targets cannot be combined.")
    if noise.shape[0] % rows:
        raise P2PError(
            f"The latent has {noise.shape[0]} rows, but every group needs {rows} (a source and its targets): connect "
            "the latent output of P2P Apply to the sampler."
        )
    return rows


def _coarse_factor(model) -> int:
    """Down to which fraction of the latent self-attention counts as coarse: a quarter, or the model's deepest level."""
    levels = len(model.model_config.unet_config["channel_mult"])
    return min(_PAPER_FACTOR, 2 ** (levels - 1))


def _install_wrapper(options: dict, kind: str, wrapper) -> None:
    add_wrapper_with_key(kind, WRAPPER_KEY, wrapper, options, is_model_options=True)


def _marking_chunks(run: Run, guider, names: Sequence[str]):
    """CALC_COND_BATCH: says which chunks of the coming model calls hold groups.

    The host copies entries from one list to another to balance areas, keys and all. What never lies is the text they
    carry: an entry belongs to a group when its cross-attention text is that of an edited entry.
    """

    def wrapper(executor, model, conds, *args, **kwargs):
        texts = {
            id(entry["model_conds"]["c_crossattn"]): entry[GROUP_KEY]
            for name in names
            for entry in guider.conds[name]
            if GROUP_KEY in entry
        }
        before = run.chunks
        run.chunks = {
            (index, entry["uuid"]): texts[id(entry["model_conds"].get("c_crossattn"))]
            for index, entries in enumerate(conds)
            for entry in entries or ()
            if id(entry["model_conds"].get("c_crossattn")) in texts
        }
        try:
            return executor(model, conds, *args, **kwargs)
        finally:
            run.chunks = before

    return wrapper


def _tying_rows(run: Run):
    """SAMPLER_SAMPLE: one noise per group, and the step counter."""

    def wrapper(executor, guider, sigmas, extra_args, callback, noise, *args, **kwargs):
        def count(step, *report):
            run.step = step + 1
            if callback is not None:
                callback(step, *report)

        run.step = 0
        noise = tied(noise, run.rows)
        with tied_step_noise(executor.class_obj, noise, sigmas, extra_args.get("seed"), run.rows):
            return executor(guider, sigmas, extra_args, count, noise, *args, **kwargs)

    return wrapper


def _chooses_steps(sampler) -> bool:
    name = getattr(getattr(sampler, "sampler_function", None), "__name__", "")
    return any(part in name for part in _BY_NOISE_LEVEL)


def _following_noise_level(run: Run, sigmas: torch.Tensor):
    """PREDICT_NOISE, for samplers that choose their steps: the step is read from the noise level of the call."""
    levels = sigmas.tolist()

    def wrapper(executor, x, timestep, *args, **kwargs):
        run.step = min(step_at(levels, float(timestep[0])), len(levels) - 2)
        return executor(x, timestep, *args, **kwargs)

    return wrapper


def _install_patches(transformer_options: dict, run: Run, network: UNetModel) -> None:
    patches = dict(transformer_options.get("patches", {}))
    patches["attn1_patch"] = [self_attention_patch(run), *patches.get("attn1_patch", [])]
    if not run.needs_two_terms:
        patches["attn2_patch"] = [cross_attention_patch(run), *patches.get("attn2_patch", [])]
    transformer_options["patches"] = patches
    if run.needs_two_terms:
        replaced = dict(transformer_options.get("patches_replace", {}))
        sites = dict(replaced.get("attn2", {}))
        for site in _cross_attention_sites(network):
            previous = sites.get(site, sites.get(site[:2]))
            sites[site] = cross_attention_replacement(run, previous, _host_attention)
        transformer_options["patches_replace"] = {**replaced, "attn2": sites}


def _host_attention(q, k, v, options: dict):
    return optimized_attention(
        q, k, v, options["n_heads"], attn_precision=options["attn_precision"], transformer_options=options
    )


def _cross_attention_sites(network: UNetModel):
    """The host's key of every cross-attention layer: (block name, block number, transformer index)."""
    for name, module in network.named_modules():
        if isinstance(module, BasicTransformerBlock) and module.attn2 is not None:
            part, number, *_, index = name.split(".")
            block = part.split("_")[0]
            yield block, 0 if block == "middle" else int(number), int(index)
