"""The parts of one sampling run: made before it starts, and filled with what came of it when it is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ...p2p_core.source_record import SourceRecord
from .blending import Blending, is_blended
from .capturing import Capture
from .conditioning import Group
from .entries import EntryKey
from .live import Live
from .live_maps import LiveMaps
from .pacing import Pace
from .plans import Operators, plans_of, sourceless_plans_of
from .record_facts import run_facts, without_state
from .record_gaps import Gaps, Schedule, gaps_of
from .record_plan import RunSize
from .recorded_tokens import RecordedTokens
from .recording import finish_captures, new_captures, replayed_record, source_entries, tokens_for_records
from .run import Mark, Run
from .run_inputs import Asked, RunInputs
from .storing import Recording

_Plans = Mapping[Group, tuple[Operators, ...]]


@dataclass(frozen=True, eq=False)
class RunParts:
    """All that one run needs.

    Attributes:
        inputs: what it was given.
        run: what the attention patches read.
        marks: of the entries that concern this pack.
        blending: of the local blends; None without one.
        recordings: what its stores get.
        record: what its sources come from; None where they are in the batch.
        captures: what its records get.
        tokens: what the words of the recorded prompts look at.
        facts: what its records say about it, and what the record of its sources is compared with.
        live: what the browser is told meanwhile.
    """

    inputs: RunInputs
    run: Run
    marks: Mapping[EntryKey, Mark]
    blending: Blending | None
    recordings: tuple[Recording, ...]
    record: SourceRecord | None
    captures: tuple[Capture, ...]
    tokens: RecordedTokens
    facts: Mapping[str, Any]
    live: Live

    def finish(self, result: torch.Tensor) -> None:
        """The run is over: fills its stores and records."""
        masks = self.blending.masks_of_rows() if self.blending is not None and self.recordings else ()
        for recording in self.recordings:
            recording.finish(result, masks)
        facts = without_state(self.facts, self.inputs.guider)
        finish_captures(self.captures, facts, self.inputs.entries, self.inputs.start, result)

    def refuse_lost_edits(self) -> None:
        """Raises:
        P2PError: a local blend made every target its source.
        """
        if self.blending is not None:
            self.blending.refuse_lost_edits()


def parts_of(inputs: RunInputs, asked: Asked) -> RunParts:
    """The parts of a run that was not begun.

    Raises:
        P2PError: something that was asked for cannot be done in this run.
    """
    groups, progress, latent = inputs.all_groups, inputs.progress, inputs.latent
    facts = _facts(inputs, asked)
    record = replayed_record(groups, facts)
    plans = plans_of(groups, progress)
    sourceless = {} if record is None else sourceless_plans_of(groups, progress)
    gaps = Gaps() if record is None else _gaps(inputs, plans, sourceless)
    blending = Blending(groups, progress, inputs.places) if is_blended(groups) else None
    of_entry, without = _by_entry(plans, inputs), _by_entry(sourceless, inputs)
    recordings = tuple(Recording(store, inputs.entries, of_entry, without, progress, latent) for store in asked.stores)
    captures = _captures(inputs, asked)
    tokens = tokens_for_records(asked.records, inputs.entries, inputs.rows, len(progress), latent)
    marks = _marks(inputs, blending, (*recordings, tokens), captures)
    run = Run(inputs.rows, plans, tuple(marks.values()), inputs.places.factor, sourceless)
    live = Live(groups, _live_maps(asked, recordings), gaps)
    return RunParts(inputs, run, marks, blending, recordings, record, captures, tokens, facts, live)


def _facts(inputs: RunInputs, asked: Asked) -> dict[str, Any]:
    """The facts of a run that has to do with records."""
    if not asked.records and all(group.recorded is None for group in inputs.all_groups):
        return {}
    return run_facts(inputs.guider, inputs.start, inputs.entries, inputs.rows)


def _gaps(inputs: RunInputs, plans: _Plans, sourceless: _Plans) -> Gaps:
    """What the record of the run's sources does not have."""
    entries = {group: inputs.entries[key] for key, group in inputs.groups.items()}
    schedule = Schedule.of(inputs.start.sigmas, inputs.progress)
    return gaps_of(entries, plans, sourceless, schedule, inputs.places)


def _by_entry(plans: _Plans, inputs: RunInputs) -> dict[EntryKey, tuple[Operators, ...]]:
    return {key: plans[group] for key, group in inputs.groups.items() if group in plans}


def _captures(inputs: RunInputs, asked: Asked) -> tuple[Capture, ...]:
    if not asked.records:
        return ()
    size = RunSize.of(inputs.places, inputs.start.noise, inputs.rows)
    return new_captures(asked.records, inputs.entries, inputs.rows, inputs.progress, size)


def _marks(
    inputs: RunInputs,
    blending: Blending | None,
    recordings: Sequence[Recording | RecordedTokens],
    captures: tuple[Capture, ...],
) -> dict[EntryKey, Mark]:
    """What concerns this pack in every entry, without those where nothing does."""
    numbers = {key: number for number, key in enumerate(source_entries(inputs.entries))}

    def mark(key: EntryKey, entry: dict) -> Mark:
        group = inputs.groups.get(key)
        blended = blending.watches(group, entry) if group is not None and blending is not None else ()
        seen = [watch for recording in recordings for watch in recording.watches(key)]
        number = group.recorded.entry if group is not None and group.recorded is not None else numbers.get(key, 0)
        return Mark(group, (*blended, *seen), captures if key in numbers else (), number)

    marks = {key: mark(key, entry) for key, entry in inputs.entries.items()}
    return {key: found for key, found in marks.items() if not found.is_empty}


def _live_maps(asked: Asked, recordings: Sequence[Recording]) -> LiveMaps:
    """The recordings whose maps are shown while they form."""
    shown = [
        (node, recording)
        for store, node in asked.shown
        for own, recording in zip(asked.stores, recordings, strict=True)
        if own is store
    ]
    return LiveMaps(shown, Pace())
