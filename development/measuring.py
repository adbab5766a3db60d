"""Puts the pictures of one edit before the judge and makes the figures of the report from what it sees."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy
import torch

from . import figures
from .edits import Edit

MEASURES = ("success", "mask_iou", "centroid_px", "background_psnr")
ARMS = ("plain", "p2p")
FIGURES = tuple(f"{measure}_{arm}" for measure in ("seconds", *MEASURES) for arm in ARMS)


@dataclass(frozen=True)
class Pictures:
    """What the three runs of one edit gave, a picture per row; ``seconds`` per arm."""

    source: list[numpy.ndarray]
    plain: list[numpy.ndarray]
    p2p: list[numpy.ndarray]
    p2p_source: list[numpy.ndarray]
    seconds: dict[str, float]


def measure(edit: Edit, pictures: Pictures, judge: Callable | None) -> dict[str, float | None]:
    """Return every figure of the edit; None for what cannot be said, everything judged when there is no judge."""
    result: dict[str, float | None] = dict.fromkeys(FIGURES)
    result.update({f"seconds_{arm}": pictures.seconds[arm] for arm in ARMS})
    result["source_difference"] = figures.largest_difference(as_tensor(pictures.source), as_tensor(pictures.p2p_source))
    if judge is None:
        return result
    source = as_tensor(pictures.source)
    source_mask = judge(source).mask
    for arm, target in (("plain", as_tensor(pictures.plain)), ("p2p", as_tensor(pictures.p2p))):
        verdict = judge(target)
        probability = getattr(verdict, f"{edit.attribute}_probability")
        result[f"success_{arm}"] = _mean(figures.found(probability, edit.wanted))
        result[f"mask_iou_{arm}"] = _mean(figures.mask_iou(source_mask, verdict.mask))
        result[f"centroid_px_{arm}"] = _mean(figures.centroid_distance(source_mask, verdict.mask))
        if edit.attribute == "object":
            psnr = figures.background_psnr(source, target, source_mask, verdict.mask)
            result[f"background_psnr_{arm}"] = _mean(psnr)
    return result


def means(results: list[dict]) -> dict[str, float | None]:
    """Return the mean of every figure over these edits."""
    return {name: figures.mean([result[name] for result in results]) for name in FIGURES}


def as_tensor(pictures: list[numpy.ndarray]) -> torch.Tensor:
    """Return (b, h, w, 3) in 0..1."""
    return torch.from_numpy(numpy.stack(pictures)).float() / 255


def _mean(values: torch.Tensor) -> float | None:
    return figures.mean(values.tolist())
