"""Makes the figures of a trial from its pictures and what the judge sees in them."""

from collections.abc import Iterable, Mapping

import torch

from . import figures
from .studio import Shot
from .trials import Trial

MEASURES = ("success", "mask_iou", "centroid_px", "background_psnr", "background_psnr_beyond")
FIGURES = (*MEASURES, "seconds", "colour", "moved", "alone_difference")  # the last three of some kinds of edits only


def measure(
    trial: Trial, source: Shot, shots: Mapping[str, Shot], seconds: Mapping[str, float]
) -> dict[str, float | None]:
    """Return every figure of the trial as ``measure_arm``.

    Args:
        trial: the edit.
        source: pictures of the source prompt.
        shots: pictures by arm.
        seconds: by arm.

    Returns:
        None for what cannot be said, everything judged where there is no judge.
    """
    result: dict[str, float | None] = {f"seconds_{arm}": seconds[arm] for arm in shots}
    if "together" in shots:
        result["alone_difference_together"] = difference(shots["p2p"], shots["together"])
    for arm, shot in {"source": source, **shots}.items():
        result.update({f"{name}_{arm}": value for name, value in _measures(trial, source, shot).items()})
    if "blend" in shots:
        result["background_psnr_ideal"] = _ideal(source, shots["p2p"])
    return result


def difference(first: Shot, second: Shot) -> float:
    """Return the largest difference of any pixel, in steps of 1/255."""
    return figures.largest_difference(first.tensor, second.tensor)


def means(results: Iterable[Mapping]) -> dict[str, float | None]:
    """Return the mean of every figure over these results, over those that have it."""
    entries = list(results)
    beginnings = tuple(f"{measure}_" for measure in FIGURES)
    names = dict.fromkeys(name for entry in entries for name in entry if name.startswith(beginnings))
    return {name: figures.mean([entry.get(name) for entry in entries]) for name in names}


def _measures(trial: Trial, source: Shot, shot: Shot) -> dict[str, float | None]:
    """Return the figures of one arm; those of the source itself say what they are before the edit."""
    before, after = source.verdict, shot.verdict
    if before is None or after is None:
        return dict.fromkeys(MEASURES)
    values = {
        "mask_iou": figures.mask_iou(before.mask, after.mask),
        "centroid_px": figures.centroid_distance(before.mask, after.mask),
        **trial.aim.measure(before, after),
    }
    if trial.attribute != "background":
        masks = before.mask, after.mask
        values["background_psnr"] = figures.background_psnr(source.tensor, shot.tensor, *masks)
        values["background_psnr_beyond"] = figures.background_psnr(
            source.tensor, shot.tensor, *masks, margin=figures.CELL
        )
    return {**dict.fromkeys(MEASURES), **{name: _mean(value) for name, value in values.items()}}


def _ideal(source: Shot, shot: Shot) -> float | None:
    """Return the strict background figure of a mask of whole cells that the judge itself has drawn."""
    if source.verdict is None:
        return None
    masks = source.verdict.mask, shot.verdict.mask
    blended = figures.blended_by_cells(source.tensor, shot.tensor, *masks)
    return _mean(figures.background_psnr(source.tensor, blended, *masks))


def _mean(values: torch.Tensor) -> float | None:
    return figures.mean(values.tolist())
