"""The recorded sources of the layer that calls, for the rows of a batch that are edited or seen there."""

from collections.abc import Sequence

import torch

from ...p2p_core.further_terms import Sources
from .capturing import LayerName
from .plans import Operators
from .replaying import LayerSources, RecordedSource, hidden_sources, map_sources, text_sources
from .run import Mark, Run
from .seeing import Project, SeenSources

IN_BATCH = LayerSources()

Found = Sequence[Operators | None]  # per chunk of the batch; None for one that is not edited


def where_sources_are(run: Run, found: Found, options: dict) -> Sources:
    """Where the sources of the edited chunks are read."""
    recorded = _recorded(run, found, options)
    return recorded[0][0].kind if recorded else "rows"


def cross_sources(run: Run, found: Found, values: torch.Tensor, options: dict) -> LayerSources | None:
    """The sources of the edited chunks in cross-attention; None where they were not recorded."""
    recorded = _recorded(run, found, options)
    if not recorded:
        return IN_BATCH
    if recorded[0][0].kind == "maps":
        maps = map_sources(recorded, values, len(values), options["n_heads"])
        return None if maps is None else LayerSources(maps=maps)
    hidden = hidden_sources("cross", recorded, values)
    if hidden is None:
        return None
    return LayerSources(hidden, _texts(run, [source for source, _ in recorded], values))


def self_sources(run: Run, found: Found, like: torch.Tensor, options: dict) -> LayerSources | None:
    """The sources of the edited chunks in self-attention; None where they were not recorded."""
    recorded = _recorded(run, found, options)
    if not recorded:
        return IN_BATCH
    hidden = hidden_sources("self", recorded, like)
    return None if hidden is None else LayerSources(hidden)


def seen_sources(
    run: Run, mark: Mark, q: torch.Tensor, k: torch.Tensor, options: dict, project: Project
) -> SeenSources | None:
    """The sources of one entry as its words are seen; None where they are rows of the batch."""
    source = mark.group.recorded if mark.group is not None else None
    if source is None:
        return None
    found = [(source, run.layer_name(mark, options))]
    if source.kind == "maps":
        return SeenSources(maps=map_sources(found, q, len(q), options["n_heads"]))
    hidden = hidden_sources("cross", found, q)
    return SeenSources() if hidden is None else SeenSources(*project(hidden.read(), _texts(run, [source], k)))


def _recorded(run: Run, found: Found, options: dict) -> list[tuple[RecordedSource, LayerName]]:
    """The recorded sources of the edited chunks; empty where sources are in the batch."""
    marks = [mark for mark, operators in zip(run.marks_of_chunks(options), found, strict=True) if operators]
    return [
        (mark.group.recorded, run.layer_name(mark, options))
        for mark in marks
        if mark is not None and mark.group is not None and mark.group.recorded is not None
    ]


def _texts(run: Run, sources: Sequence[RecordedSource], like: torch.Tensor) -> torch.Tensor:
    """The sources' texts beside these values: the same for all layers and steps."""
    key = ("texts", *map(id, sources), like.shape[1], like.device, like.dtype)
    return run.once(key, lambda: text_sources(sources, like))
