"""What a sampling run is given, and what nodes before it asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...p2p_core.attention_store import AttentionStore
from ...p2p_core.placement import Grid
from ...p2p_core.source_record import RecordHandle
from .conditioning import Group
from .entries import EntryKey, entries_of, groups_of, refuse_cut_groups, rows_per_group
from .fitting import refuse_appended_tokens
from .guarding import refuse_model_without_edits
from .places import Places
from .progress import progress_of
from .record_facts import Start


@dataclass(frozen=True, eq=False)
class Asked:
    """What nodes left on the model for its runs.

    Attributes:
        edits: whether the edits of the positive conditioning are applied.
        stores: to be filled with what words look at.
        shown: of those that are shown while they fill, each with the id of the node that shows it.
        records: to be filled with the run as the source of others.
    """

    edits: bool
    stores: tuple[AttentionStore, ...]
    shown: tuple[tuple[AttentionStore, str], ...]
    records: tuple[RecordHandle, ...]


@dataclass(frozen=True, eq=False)
class RunInputs:
    """What a run is given.

    Attributes:
        guider: the host's, with the run's own conditions and options.
        start: what is sampled from.
        entries: all conditioning entries.
        groups: of those that are edited.
        rows: of every group; 1 without an edit.
        progress: at the start of every step.
        end: the progress after the last.
    """

    guider: Any
    start: Start
    entries: Mapping[EntryKey, dict]
    groups: Mapping[EntryKey, Group]
    rows: int
    progress: tuple[float, ...]
    end: float

    @property
    def patcher(self):
        """The model of the run."""
        return self.guider.model_patcher

    @property
    def latent(self) -> Grid:
        """(height, width) of the latents."""
        height, width = self.start.noise.shape[-2:]
        return height, width

    @cached_property
    def places(self) -> Places:
        """Where it has attention."""
        return Places.of(self.patcher, self.latent)

    @property
    def all_groups(self) -> tuple[Group, ...]:
        return tuple(self.groups.values())


def inputs_of(guider, start: Start, has_edits: bool) -> RunInputs:
    """
    Args:
        has_edits: whether the model is that of P2P Apply.

    Raises:
        P2PError: model, conditioning and batch of the run do not belong together.
    """
    *progress, end = progress_of(guider.model_patcher.get_model_object("model_sampling"), start.sigmas)
    entries = entries_of(guider.conds)
    groups = groups_of(entries)
    refuse_appended_tokens(entries[key] for key in groups)
    if groups:
        refuse_model_without_edits(guider.model_patcher)  # of an entry with hooks of its own, which has no guard
    rows = rows_per_group([*groups.values()], start.noise, has_edits)
    refuse_cut_groups(guider.model_options, start.noise, rows)
    return RunInputs(guider, start, entries, groups, rows, tuple(progress), end)
