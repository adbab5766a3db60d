"""What the layer that calls hands over to the records of a run."""

import torch

from ...p2p_core.source_record import Kind
from .grids import sets_of_grids
from .run import Mark, Run


def capture_hidden(run: Run, kind: Kind, hidden: torch.Tensor, options: dict) -> None:
    """Records what a layer of this kind of attention looks with."""
    for mark, rows in _captured(run, hidden, options):
        name, sets = run.layer_name(mark, options), sets_of_grids(run.coarse_factor, options)
        for capture in mark.captures:
            capture.take(kind, name, run.step, rows, sets)


def capture_maps(run: Run, q: torch.Tensor, k: torch.Tensor, options: dict) -> None:
    """Records the maps of chosen words at a layer."""
    keys = dict(_captured(run, k, options))
    for mark, queries in _captured(run, q, options):
        name, sets = run.layer_name(mark, options), sets_of_grids(run.coarse_factor, options)
        for capture in mark.captures:
            if capture.keeps_words:
                capture.take_maps(name, run.step, queries, keys[mark], options["n_heads"], sets)


def _captured(run: Run, tensor: torch.Tensor, options: dict) -> list[tuple[Mark, torch.Tensor]]:
    """The marks that records keep, each with its rows of a tensor."""
    marks = run.marks_of_chunks(options)
    if not any(mark and mark.captures for mark in marks):
        return []
    run.refuse_changed_rows(tensor, options)
    rows = tensor.chunk(len(marks))
    return [(mark, part) for mark, part in zip(marks, rows, strict=True) if mark and mark.captures]
