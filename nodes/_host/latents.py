"""The user's latent with a row for every prompt of the group."""

import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.prompt import content_key
from ...p2p_core.source_record import SourceRecord

_PER_ROW = ("noise_mask",)


def recorded_start(record: SourceRecord, latent: dict, rows: int) -> dict:
    """What the recorded run started from, with so many rows for every picture.

    Args:
        latent: what the recorded sampler made.

    Raises:
        P2PError: the latent is not that of the record.
    """
    if content_key(latent["samples"]) != content_key(record.exact["result"]):
        raise P2PError(
            "The record is not of the run that made this latent: with a record, connect the latent of the recorded "
            "sampler (its output, not its denoised output) to P2P Apply."
        )
    mask = record.exact.get("mask")
    started = {"samples": record.exact["start"].repeat_interleave(rows, 0)}
    return started if mask is None else {**started, "noise_mask": mask.repeat_interleave(rows, 0)}


def expanded(latent: dict, rows: int) -> dict:
    """Batch k becomes k groups of ``rows``: ``[source, targets …] · k``, each group with the noise of its batch index.

    Raises:
        P2PError: the latent is not a batch of pictures.
    """
    samples = latent["samples"]
    if getattr(samples, "is_nested", False) or samples.ndim != 4:
        raise P2PError("The latent is not a batch of pictures (4 dimensions): Prompt-to-Prompt edits SDXL images only.")
    count = samples.shape[0]
    indices = latent.get("batch_index", range(count))
    result = {**latent, "samples": samples.repeat_interleave(rows, 0)}
    result["batch_index"] = [index for index in indices for _ in range(rows)]
    for key in _PER_ROW:
        if torch.is_tensor(latent.get(key)) and latent[key].ndim > 2 and latent[key].shape[0] > 1:
            # The host goes through the masks in turn, but would give a target another than its source.
            in_turn = torch.arange(count) % latent[key].shape[0]
            result[key] = latent[key][in_turn].repeat_interleave(rows, 0)
    return result
