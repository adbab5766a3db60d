"""What the layer that calls shows of the words that are watched."""

import torch

from .layer_sources import seen_sources
from .run import Run
from .seeing import Project, SeenSources


def see(run: Run, q: torch.Tensor, k: torch.Tensor, options: dict, project: Project) -> None:
    """Adds the maps of the words that are watched at this layer, given its q and k before any edit.

    Args:
        project: the layer's own projections to q and k, of hidden states and of the text.
    """
    marks = run.marks_of_chunks(options)
    if not any(mark and mark.watches for mark in marks):
        return
    run.refuse_changed_rows(q, options)
    for mark, queries, keys in zip(marks, q.chunk(len(marks)), k.chunk(len(marks)), strict=True):
        watches = mark.watches if mark else ()
        looking = [watch for watch in watches if watch.looks_at(run.step, run.coarse_factor, options)]
        sources = None
        if mark and any(watch.reads_sources for watch in looking):
            sources = seen_sources(run, mark, queries, keys, options, project)
        for watch in looking:
            of_watch = sources if watch.reads_sources else SeenSources()
            watch.see(run.step, queries, keys, run.coarse_factor, options, of_watch)


def see_self(run: Run, hidden: torch.Tensor, context: torch.Tensor, layer, options: dict) -> None:
    """Adds the self-attention that is watched at this layer, given its inputs after every edit."""
    marks = run.marks_of_chunks(options)
    for mark, queries, keys in zip(marks, hidden.chunk(len(marks)), context.chunk(len(marks)), strict=True):
        for watch in mark.watches if mark else ():
            if watch.looks_at_self(run.step, run.coarse_factor, options):
                watch.see_self(run.step, layer.to_q(queries), layer.to_k(keys), options)
