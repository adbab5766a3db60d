"""What P2P Apply and P2P Attention Store leave on a model: one wrapper around sampling, which does all else.

Nothing is patched when a node runs. The wrapper edits the run's own copy of the model's options, which the host drops
when the run ends, however it ends. Running last, it sees what every other node installed: its patches go first in their
lists, so that they act on rows that nobody has merged or split yet, and a replaced attn2 goes around the one there is.
"""

from collections.abc import Mapping, Sequence

import torch
from comfy.patcher_extension import WrappersMP, add_wrapper_with_key

from ...p2p_core.attention_store import AttentionStore
from ...p2p_core.errors import P2PError
from ...p2p_core.source_record import RecordHandle, SourceRecord
from .blending import Blending, is_blended
from .capturing import Capture
from .conditioning import GROUP_KEY, Group
from .grids import coarse_factor
from .guarding import EDITS, refuse_model_without_edits, without_empty_hooks
from .live import Live, telling, telling_steps
from .live_maps import LiveMaps
from .marking import EntryKey, marking_chunks
from .pacing import Pace
from .patches import has_cross_attention, install_patches
from .plans import plans_of, sourceless
from .progress import progress_of
from .record_facts import run_facts, start_of
from .record_plan import RunSize
from .recording import abandoning, finish_captures, new_captures, replayed_record, source_entries, words_for_records
from .run import Mark, Run
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
from .storing import Recording

WRAPPER_KEY = "prompt_to_prompt"
# Attachments of the model: the stores, of those that are shown while they fill the nodes that show them, the records.
_STORES, _LIVE, _RECORDS = "p2p_stores", "p2p_live", "p2p_records"
_UNEDITED = ("negative", "empty_negative_prompt")  # lists of guiders; a zeroed-out positive in them is no edit


def with_edits(model):
    """A clone of the model that applies the edits its positive conditioning carries.

    Raises:
        P2PError: the model has no cross-attention on text.
    """
    patched = _wrapped(model)
    patched.set_attachments(EDITS, True)
    return patched


def with_record(model, handle: RecordHandle):
    """A clone of the model whose runs fill the record, as well as those it had.

    Raises:
        P2PError: the model has no cross-attention on text.
    """
    patched = _wrapped(model)
    patched.set_attachments(_RECORDS, (*(model.get_attachment(_RECORDS) or ()), handle))
    return patched


def with_store(model, store: AttentionStore, live_node: str | None = None):
    """A clone of the model whose runs fill the store, as well as those it had.

    Args:
        live_node: the id of the node that shows the maps while they form; None for none.

    Raises:
        P2PError: the model has no cross-attention on text.
    """
    patched = _wrapped(model)
    patched.set_attachments(_STORES, (*(model.get_attachment(_STORES) or ()), store))
    if live_node is not None:
        patched.set_attachments(_LIVE, (*(model.get_attachment(_LIVE) or ()), (store, live_node)))
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
    patcher = guider.model_patcher
    without_empty_hooks(guider.conds)
    stores = patcher.get_attachment(_STORES) or ()
    for store in stores:
        store.record = None  # whatever happens now, these are not the maps of the run before
    *progress, end = progress_of(patcher.get_model_object("model_sampling"), sigmas)  # ``end``: after the last step
    latent = tuple(noise.shape[-2:])
    entries = {(name, entry["uuid"]): entry for name, found in guider.conds.items() for entry in found or ()}
    groups = {key: entry[GROUP_KEY] for key, entry in entries.items() if GROUP_KEY in entry and key[0] not in _UNEDITED}
    if groups:
        refuse_model_without_edits(patcher)  # of an entry with hooks of its own, which has no guard
    rows = _rows_per_group([*groups.values()], noise, bool(patcher.get_attachment(EDITS)))
    _refuse_cut_groups(guider.model_options, noise, rows)
    start = start_of(noise, latent_image, sampler, sigmas, *args, **kwargs)
    handles = patcher.get_attachment(_RECORDS) or ()
    is_recorded = bool(handles) or any(group.recorded is not None for group in groups.values())
    facts = run_facts(guider, start, entries, rows) if is_recorded else {}
    record = replayed_record([*groups.values()], facts)
    plans = plans_of([*groups.values()], progress)
    blending = Blending([*groups.values()], progress, latent) if is_blended(groups.values()) else None
    without = {} if record is None else plans_of([sourceless(group) for group in groups.values()], progress)
    without = dict(zip(groups, without.values(), strict=False))
    plan_of_entry = {key: plans[group] for key, group in groups.items()}
    recordings = [Recording(store, entries, plan_of_entry, without, progress, latent) for store in stores]
    captures = new_captures(handles, entries, rows, progress, RunSize.of(patcher, noise, rows)) if handles else ()
    seen = words_for_records(handles, entries, plan_of_entry, progress, latent)
    numbers = {key: number for number, key in enumerate(source_entries(entries))}
    watching = [*recordings, seen] if seen is not None else recordings
    all_marks = (
        (key, _mark(key, entry, groups.get(key), blending, watching, captures, numbers))
        for key, entry in entries.items()
    )
    marks = {key: mark for key, mark in all_marks if not mark.is_empty}
    of_group = {group: without[key] for key, group in groups.items() if key in without}
    run = Run(rows, plans, tuple(marks.values()), coarse_factor(patcher.model), of_group)
    live = Live([*groups.values()], _live_maps(patcher, stores, recordings))
    _install(guider, run, marks, sampler, sigmas, blending, live, record, captures)
    with telling(live, progress, end), abandoning(captures):
        result = executor(noise, latent_image, sampler, sigmas, *args, **kwargs)
        masks = blending.masks_of_rows() if blending is not None and recordings else ()
        for recording in recordings:
            recording.finish(result, masks)
        finish_captures(captures, facts, entries, start, result, seen)
    if blending is not None:
        blending.refuse_lost_edits()
    return result


def _live_maps(patcher, stores: Sequence[AttentionStore], recordings: Sequence[Recording]) -> LiveMaps:
    """The recordings whose maps are shown while they form."""
    shown = [
        (node, recording)
        for store, node in patcher.get_attachment(_LIVE) or ()
        for own, recording in zip(stores, recordings, strict=True)
        if own is store
    ]
    return LiveMaps(shown, Pace())


def _install(
    guider,
    run: Run,
    marks: Mapping,
    sampler,
    sigmas: torch.Tensor,
    blending: Blending | None,
    live: Live,
    record: SourceRecord | None,
    captures: Sequence[Capture],
) -> None:
    """Puts wrappers (the earlier ones outside) and patches in the guider's copy of the options."""
    options = guider.model_options
    sample, predict = WrappersMP.SAMPLER_SAMPLE, WrappersMP.PREDICT_NOISE
    wrappers = [(WrappersMP.CALC_COND_BATCH, marking_chunks(run, guider, marks)), (sample, counting_steps(run))]
    wrappers.append((predict, following_steps(run, sampler, sigmas)))
    wrappers.append((predict, telling_steps(run, live, len(sigmas) - 1)))
    if record is not None:
        wrappers += [(sample, recorded_noise(run, record)), (predict, following_record(run, record))]
    elif run.rows > 1:
        wrappers.append((sample, tying_noise(run)))
    if captures:
        wrappers += [(sample, capturing_latents(captures)), (predict, capturing_results(run, captures))]
    if blending is not None:
        wrappers += [(sample, tying_latents(run, blending, record)), (predict, blending_results(run, blending, record))]
    for kind, wrapper in wrappers:
        add_wrapper_with_key(kind, WRAPPER_KEY, wrapper, options, is_model_options=True)
    network = guider.model_patcher.model.diffusion_model
    install_patches(options.setdefault("transformer_options", {}), run, network)


def _mark(
    key: EntryKey,
    entry: dict,
    group: Group | None,
    blending: Blending | None,
    recordings: Sequence[Recording],
    captures: Sequence[Capture],
    numbers: Mapping[EntryKey, int],
) -> Mark:
    blended = blending.watches(group, entry) if group is not None and blending is not None else ()
    seen = [watch for recording in recordings for watch in recording.watches(key)]
    number = group.recorded.entry if group is not None and group.recorded is not None else numbers.get(key, 0)
    return Mark(group, (*blended, *seen), tuple(captures) if key in numbers else (), number)


def _refuse_cut_groups(options: dict, noise: torch.Tensor, rows: int) -> None:
    handler = options.get("context_handler")
    length = getattr(handler, "context_length", None)
    if rows > 1 and length is not None and getattr(handler, "dim", None) == 0 and noise.shape[0] > length:
        raise P2PError(
            f"The context windows of this model cut the batch of {noise.shape[0]} in pieces of {length}, which would "
            "part sources from their targets: take the context windows off."
        )


def _rows_per_group(groups: Sequence[Group], noise: torch.Tensor, has_edits: bool) -> int:
    if has_edits and not groups:
        raise P2PError(
            "This sampler got the model of P2P Apply without its positive conditioning: connect the positive output of "
            "the same P2P Apply, or the model from before it."
        )
    if not groups:
        return 1
    rows = groups[0].rows
    if any(group.rows != rows for group in groups):
        raise P2PError(
            "Conditionings of P2P Apply nodes with different numbers of targets cannot be combined: give each the same "
            "number, or make one controller of them with P2P Combine Targets."
        )
    if noise.shape[0] % rows:
        raise P2PError(
            f"The latent has {noise.shape[0]} rows, but every group needs {rows} (a source and its targets): connect "
            "the latent output of P2P Apply to the sampler."
        )
    return rows
