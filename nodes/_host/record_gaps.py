"""Comparing, before a run is sampled, what its edits take from their sources with what the record has."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import torch

from ...p2p_core.edit import Edit
from ...p2p_core.errors import P2PError
from ...p2p_core.record_gaps import Look, TargetUse, Use, is_taken, nothing_left, weaker
from ...p2p_core.source_record import Kind, SourceRecord
from ...p2p_core.timeline import KeptSteps
from .conditioning import Group
from .places import Places
from .plans import Operators
from .progress import step_at
from .replaying import RecordedSource


@dataclass(frozen=True)
class Schedule:
    """Of a run: its noise levels, without the last, and the progress at each."""

    levels: tuple[float, ...]
    progress: tuple[float, ...]
    _known: dict[str, int] = field(default_factory=dict)  # a record names a level for each of its layers

    @classmethod
    def of(cls, sigmas: torch.Tensor, progress: Sequence[float]) -> "Schedule":
        return cls(tuple(sigmas.tolist()[:-1]), tuple(progress))

    def step(self, level: str) -> int:
        """The step that a record's name of a noise level belongs to."""
        if level not in self._known:
            self._known[level] = step_at([*self.levels, 0.0], float(level))
        return self._known[level]


class Gaps(NamedTuple):
    """What a record lacks. ``note``: the sentences for people, "" for none; ``kept``: what it has, by group."""

    note: str = ""
    kept: Mapping[Group, KeptSteps] = MappingProxyType({})


def gaps_of(
    entries: Mapping[Group, Mapping],
    plans: Mapping[Group, Sequence[Operators]],
    sourceless: Mapping[Group, Sequence[Operators]],
    schedule: Schedule,
    places: Places,
) -> Gaps:
    """What people are to know of the gaps between the edits of a run and the record of their sources.

    Args:
        entries: the conditioning entry of every group, whose sources are all recorded.
        plans: what is edited where the record has something of the source.
        sourceless: the same where it has nothing.

    Raises:
        P2PError: a target of which nothing could be edited.
    """
    uses = {group: [*_uses(group, entry, plans[group], schedule, places)] for group, entry in entries.items()}
    for target, of_target in enumerate(zip(*uses.values(), strict=True)):
        is_free = any(operators[target] is not None for group in uses for operators in sourceless[group])
        is_blended = any(use.edit.blend is not None for use in of_target)
        takes = [use for use in of_target if use.cross.wanted or use.self_attention.wanted]
        if takes and all(use.takes_nothing for use in takes) and not (is_free or is_blended):
            raise P2PError(nothing_left(takes[0], next(iter(uses.values()))))
    sentences = (weaker([use for of_group in uses.values() for use in of_group]), _unused(uses, schedule))
    kept = {group: _kept_steps(group, schedule) for group in uses}
    return Gaps(" ".join(filter(None, sentences)), kept)


def _uses(
    group: Group, entry: Mapping, plan: Sequence[Operators], schedule: Schedule, places: Places
) -> Iterator[TargetUse]:
    """What every target of a group takes."""
    source = group.recorded
    assert source is not None
    start, end = _part_of_run(entry)
    calls = {step for step in map(schedule.step, _levels(source.record)) if start <= schedule.progress[step] <= end}
    kept = {kind: _kept(source, kind, schedule, places) for kind in ("cross", "self", "words")}
    cross = kept["words" if source.kind == "maps" else "cross"]
    asked = (group.asked or group.controller).edits
    for number, (edit, whole) in enumerate(zip(group.controller.edits, asked, strict=True)):
        of_cross: set[Look] = set()
        of_self: set[Look] = set()
        for step in calls:
            operator = plan[step][number]
            if operator is not None and operator.reads_source:
                of_cross.update((step, grid) for grid in places.sites_of_grid)
            if operator is not None and operator.self_attention is not None:
                of_self.update((step, grid) for grid in places.within(operator.self_attention.grids))
        yield TargetUse(
            whole,
            edit,
            Use(frozenset(of_cross), cross & of_cross, bool(cross)),
            Use(frozenset(of_self), kept["self"] & of_self, bool(kept["self"])),
            _late_blend(edit, cross, calls, schedule, places),
            source.record.keep,
        )


def _part_of_run(entry: Mapping) -> tuple[float, float]:
    """In which progress an entry is sampled: its timestep range, and that of scheduled hooks of the CLIP."""
    starts = (entry.get(name, 0.0) for name in ("start_percent", "clip_start_percent"))
    ends = (entry.get(name, 1.0) for name in ("end_percent", "clip_end_percent"))
    return max(starts), min(ends)


def _levels(record: SourceRecord) -> set[str]:
    """Those at which the recorded sampler called the model."""
    return {name.split("/")[1] for name in record.exact if name.startswith("latents/")}


def _kept(source: RecordedSource, kind: Kind, schedule: Schedule, places: Places) -> frozenset[Look]:
    """The steps and grids of which a record has every layer."""
    sites = _sites(source, kind, schedule)
    wanted = places.sites_of_grid
    return frozenset((step, grid) for step, found in sites.items() for grid in wanted if wanted[grid] <= found)


def _kept_steps(group: Group, schedule: Schedule) -> KeptSteps:
    """For the timeline: also of steps at one noise level, which a record does not tell apart."""
    source = group.recorded
    assert source is not None

    def steps(kind: Kind) -> set[int]:
        kept = _sites(source, kind, schedule).keys()
        return {step for step, level in enumerate(schedule.levels) if schedule.step(str(level)) in kept}

    return KeptSteps(steps("words" if source.kind == "maps" else "cross"), steps("self"))


def _sites(source: RecordedSource, kind: Kind, schedule: Schedule) -> dict[int, set[str]]:
    """The layers that a record has, as it names them, by step."""
    sites: dict[int, set[str]] = defaultdict(set)
    for name in source.record.storage.names():
        own, entry, level, _, _, site = name.split("/")
        if own == kind and int(entry) == source.entry:
            sites[schedule.step(level)].add(site)
    return sites


def _late_blend(
    edit: Edit, kept: frozenset[Look], calls: set[int], schedule: Schedule, places: Places
) -> tuple[float, float | None] | None:
    """Where a local blend by words begins that has to wait for the first maps of its source."""
    blend = edit.blend
    if blend is None or not blend.needs_maps or not (blend.source or blend.keep_source):
        return None
    due = [step for step in calls if schedule.progress[step] >= blend.start]
    seen = [step for step, grid in kept if grid in places.within(blend.grids)]
    if not due or (seen and min(seen) <= min(due)):
        return None
    return blend.start, schedule.progress[min(seen)] if seen else None


def _unused(uses: Mapping[Group, Sequence[TargetUse]], schedule: Schedule) -> str:
    """Which adjustments of the record no target takes over."""
    taken: dict[str, bool] = {}
    for group in uses:
        controller = group.controller
        for one in group.recorded.record.adjustments if group.recorded is not None else ():
            found = is_taken(controller.source, controller.edits, one, schedule.progress)
            if found is not None:
                taken[one.word] = found or taken.get(one.word, False)
    words = ", ".join(word for word, is_used in taken.items() if not is_used)
    if not words:
        return ""
    return (
        f'What was adjusted of "{words}" changes nothing: no word of the edit takes its attention. Raise cross_end of '
        "the edit, or use P2P Replace, with the same prompt as source and target to change nothing else."
    )
