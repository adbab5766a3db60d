"""What the rows of a batch read at the layer that calls, in the current step."""

from collections.abc import Sequence

import torch

from ...p2p_core.edit import Grids
from ...p2p_core.row_edits import RowEdits, SelfReads, row_edits, self_reads
from .layer_sources import IN_BATCH, Found, cross_sources, self_sources, where_sources_are
from .replaying import HiddenSources, LayerSources
from .run import Mark, Run

_NOTHING = SelfReads(None, None, None)


def cross_edits(run: Run, values: torch.Tensor, options: dict) -> tuple[RowEdits | None, LayerSources]:
    """The cross-attention edits beside these values, and the sources that they read.

    Returns:
        None for the edits where there are none.
    """
    found, sources = run.operators_of_chunks(values, options), IN_BATCH
    if _read_sources(found):
        recorded = cross_sources(run, found, values, options)
        if recorded is None:
            found = run.sourceless_operators_of_chunks(values, options)
        else:
            sources = recorded
    if not any(found):
        return None, IN_BATCH
    return _cross_edits_of(run, found, values, options), sources


def needs_projections(run: Run, options: dict) -> bool:
    """Whether q and k are needed at the layer that calls, in the current step: for several terms, for recorded maps, or
    to see words. Otherwise the edit acts before they are made.
    """
    return any(mark is not None and _is_for_projections(run, mark, options) for mark in run.marks_of_chunks(options))


def _is_for_projections(run: Run, mark: Mark, options: dict) -> bool:
    return (
        any(operator.has_further_terms for operator in run.operators_of(mark))
        or (mark.group is not None and mark.group.recorded is not None and mark.group.recorded.kind == "maps")
        or any(capture.keeps_words for capture in mark.captures)
        or any(watch.looks_at(run.step, run.coarse_factor, options) for watch in mark.watches)
    )


def _read_sources(found: Found) -> bool:
    return any(operator is not None and operator.reads_source for operators in found for operator in operators or ())


def _cross_edits_of(run: Run, found: Found, values: torch.Tensor, options: dict) -> RowEdits:
    (rows, tokens), device, dtype = values.shape[:2], values.device, values.dtype
    return run.once(
        ("cross", *map(id, found), rows, tokens, device, dtype),
        lambda: row_edits(found, rows, tokens, device, dtype, where_sources_are(run, found, options)),
    )


def self_edits(
    run: Run, hidden: torch.Tensor, grids: Sequence[Grids], options: dict
) -> tuple[SelfReads, HiddenSources | None]:
    """The self-attention edits at a layer that belongs to these sets of grids.

    Returns:
        What is read, and the hidden states of sources that are not in the batch.
    """
    found = run.operators_of_chunks(hidden, options)
    edits = (operator.self_attention for operators in found for operator in operators or () if operator is not None)
    if not any(edit is not None and edit.grids in grids for edit in edits):
        return _NOTHING, None
    sources = self_sources(run, found, hidden, options)
    if sources is None:
        return _NOTHING, None
    rows, device = len(hidden), hidden.device
    reads = run.once(
        ("self", *map(id, found), grids, rows, device),
        lambda: self_reads(found, rows, grids, device, where_sources_are(run, found, options)),
    )
    return reads, sources.hidden


class EditedTexts:
    """Context and value after the edits: the same two for all layers of a model call, so they are made once."""

    def __init__(self) -> None:
        self._given: tuple = ()
        self._edited: tuple[torch.Tensor, torch.Tensor] | None = None

    def of(
        self, context: torch.Tensor, value: torch.Tensor, edits: RowEdits, sources: LayerSources
    ) -> tuple[torch.Tensor, torch.Tensor]:
        given = context, value, edits
        if self._edited is None or any(a is not b for a, b in zip(self._given, given, strict=True)):
            self._given = given
            self._edited = edits.look(context, sources.text), edits.mix(value)
        return self._edited
