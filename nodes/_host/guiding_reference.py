"""A record as what guidance is to match, and whether it can be."""

from collections.abc import Sequence
from itertools import pairwise

import torch

from ...p2p_core.adjusted_record import recorded_prompts, refuse_unknown
from ...p2p_core.adjustment import adjusted_maps
from ...p2p_core.errors import P2PError
from ...p2p_core.guidance import Guidance
from ...p2p_core.placement import Grid
from ...p2p_core.reference_attention import StayLikeMaps, StayLikeRecord
from ...p2p_core.source_record import SourceRecord
from .conditioning import GROUP_KEY
from .grids import coarse_factor, fits, largest_grid
from .layers import Layer, layers_of
from .progress import progress_of
from .record_facts import facts_of_maps, refuse_other_run
from .recorded_maps import RecordedColumns, RecordedMaps

_RECORDS = "p2p_records"  # attachment of the model: the records that its runs fill
_SAME = 1e-3  # progress: records name noise levels by five digits


def stay_like_record(
    objective: StayLikeRecord, guidance: Guidance, guider, noise: torch.Tensor, progress: Sequence[float]
) -> StayLikeMaps:
    """The objective with the maps of its record, which are made when a step needs them.

    Args:
        progress: at the start of every step of the run.

    Raises:
        P2PError: the record is empty, of this very run, of another model or size, of another number of pictures, or
            does not keep what the guidance looks at.
    """
    patcher = guider.model_patcher
    if objective.handle.origin in (patcher.get_attachment(_RECORDS) or ()):
        raise P2PError(
            "P2P Attention Guidance has the record of its own run as its record: connect that of a run before, and the "
            "latent of that run's sampler to after."
        )
    record = objective.handle.recorded()
    refuse_other_run(record.facts, facts_of_maps(guider, noise))
    rows = _rows_of_a_picture(guider, record, noise)
    for word in objective.words:
        refuse_unknown(record, (word,))
    latent = (noise.shape[-2], noise.shape[-1])
    largest = largest_grid(coarse_factor(patcher.model), guidance.grids, latent)
    layers = [layer for layer in layers_of(patcher.model.diffusion_model) if fits(layer.grid(latent), largest)]
    prompts = _prompts_with(objective.words, record, layers, latent)
    levels = [level for level in prompts[0].levels if all(level in one.levels for one in prompts)]
    kept = progress_of(patcher.get_model_object("model_sampling"), torch.tensor([*map(float, levels)]))
    _refuse_not_kept(guidance, kept, [own for own in progress if guidance.acts_at(own)])
    device, dtype = patcher.load_device, patcher.model.manual_cast_dtype or patcher.model_dtype()
    return StayLikeMaps(kept, RecordedMaps(objective.words, prompts, tuple(levels), largest, rows, device, dtype))


def _rows_of_a_picture(guider, record: SourceRecord, noise: torch.Tensor) -> int:
    """How many rows of the batch each recorded picture is the reference of; 1 where one is that of all."""
    pictures = record.facts["pictures"]
    if pictures == 1:
        return 1
    groups = [entry[GROUP_KEY] for entries in guider.conds.values() for entry in entries or () if GROUP_KEY in entry]
    rows = groups[0].rows if groups else 1
    if pictures * rows != len(noise):
        raise P2PError(
            f"The record of P2P Attention Guidance is of {pictures} pictures, but {len(noise) // rows} are sampled: "
            "record one picture, or as many as are guided."
        )
    return rows


def _refuse_not_kept(guidance: Guidance, kept: Sequence[float], wanted: Sequence[float]) -> None:
    if not kept:
        raise P2PError(
            "The record does not keep all the cross-attention of the whole picture that P2P Attention Guidance looks "
            f"at with largest_grid {guidance.grids}: choose a coarser one here, or record with cross_grids all and a "
            "larger budget, from a prompt without an area."
        )
    # A run of other steps than the recorded one need not begin and end with them.
    distance = max((after - before for before, after in pairwise(kept)), default=0) + _SAME
    if min(wanted) < kept[0] - distance or max(wanted) > kept[-1] + distance:
        raise P2PError(
            f"The record keeps attention from {kept[0]:.2f} to {kept[-1]:.2f} of sampling, but P2P Attention Guidance "
            f"acts at {min(wanted):.2f} to {max(wanted):.2f}: set start and end within what was recorded, or record a "
            "larger window."
        )


def _prompts_with(
    words: Sequence[str], record: SourceRecord, layers: Sequence[Layer], latent: Grid
) -> tuple[RecordedColumns, ...]:
    """The prompts of a record that words are taken from: of every word the first that has it."""
    prompts = recorded_prompts(record)
    entries = [next(entry for entry, prompt in enumerate(prompts) if prompt.has(word)) for word in words]
    return tuple(
        RecordedColumns(
            record,
            entry,
            prompts[entry],
            {number: prompts[entry].find(word) for number, word in enumerate(words) if entries[number] == entry},
            adjusted_maps(prompts[entry], record.adjustments),
            layers,
            latent,
        )
        for entry in dict.fromkeys(entries)
    )
