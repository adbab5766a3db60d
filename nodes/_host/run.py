"""All state of one sampling run. It lives in the run's own options and ends with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from ...p2p_core.edit import Grids
from ...p2p_core.errors import P2PError
from ...p2p_core.operators import TokenOperators, plan
from ...p2p_core.row_edits import RowEdits, SelfReads, row_edits, self_reads
from .conditioning import Group
from .seeing import Watch

Operators = tuple[TokenOperators | None, ...]  # one per target
_NOTHING = SelfReads(None, None, None)


@dataclass(frozen=True, eq=False)
class Mark:
    """What concerns this pack in one conditioning entry: the group whose rows it holds, and whose words are watched."""

    group: Group | None = None
    watches: tuple[Watch, ...] = ()


@dataclass(eq=False)
class Run:
    """Which rows are edited in the current model call, and how.

    The host passes objects in its options by reference and copies dictionaries, so this is an object.

    Attributes:
        rows: rows per group; 1 in a run without an edit.
        plans: per group, per step, the operators of every target.
        marks: of all entries of the run.
        coarse_factor: see ``grids``.
        step: that of the current model call.
        reported: how many steps the sampler has reported, each after its first model call.
        chunks: (index of the condition list, its entry's uuid) to the mark, for the model call in progress.
    """

    rows: int
    plans: dict[Group, tuple[Operators, ...]]
    marks: tuple[Mark, ...]
    coarse_factor: int
    step: int = 0
    reported: int = 0
    chunks: dict[tuple, Mark] = field(default_factory=dict)
    _made: dict[tuple, RowEdits | SelfReads] = field(default_factory=dict)
    _texts: tuple | None = None

    @property
    def needs_self_attention(self) -> bool:
        """Whether any step of any target edits self-attention, or it is to be seen."""
        return any(watch.self_sums is not None for mark in self.marks for watch in mark.watches) or any(
            operator is not None and operator.self_attention is not None for operator in self._operators()
        )

    @property
    def needs_replacement(self) -> bool:
        """Whether any step of any target needs several attention terms, or any words are to be seen."""
        return any(mark.watches for mark in self.marks) or any(
            operator is not None and operator.has_further_terms for operator in self._operators()
        )

    def _operators(self) -> Iterator[TokenOperators | None]:
        return (operator for steps in self.plans.values() for operators in steps for operator in operators)

    def operators_of_chunks(self, tensor: torch.Tensor, options: dict) -> list[Operators | None]:
        """For every chunk of a batch the operators of the current step; None where nothing is edited now."""
        marks = self._marks_of_chunks(options)
        found = [_at(self.plans[mark.group], self.step) if mark and mark.group else None for mark in marks]
        if any(found):
            self.refuse_changed_rows(tensor, options)
        return found

    def row_edits(self, values: torch.Tensor, options: dict) -> RowEdits | None:
        """The cross-attention edits of the current step beside these values; None where there are none."""
        found = self.operators_of_chunks(values, options)
        if not any(found):
            return None
        rows, tokens = values.shape[:2]
        key = (*map(id, found), rows, tokens, values.device, values.dtype)
        if key not in self._made:
            self._made[key] = row_edits(found, rows, tokens, values.device, values.dtype)
        return self._made[key]

    def self_reads(self, hidden: torch.Tensor, grids: Sequence[Grids], options: dict) -> SelfReads:
        """The self-attention edits of the current step at a layer that belongs to these sets of grids."""
        found = self.operators_of_chunks(hidden, options)
        if not any(found):
            return _NOTHING
        key = (*map(id, found), grids, hidden.shape[0], hidden.device)
        if key not in self._made:
            self._made[key] = self_reads(found, hidden.shape[0], grids, hidden.device)
        return self._made[key]

    def edited_texts(
        self, context: torch.Tensor, value: torch.Tensor, edits: RowEdits
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Context and value after the edits: the same two for all layers of a model call, so they are made once."""
        if self._texts is None or any(a is not b for a, b in zip(self._texts, (context, value, edits), strict=False)):
            self._texts = (context, value, edits, (edits.look(context), edits.mix(value)))
        return self._texts[3]

    def see(self, q: torch.Tensor, k: torch.Tensor, options: dict) -> None:
        """Adds the maps of the words that are watched at this layer, given its q and k before any edit."""
        marks = self._marks_of_chunks(options)
        if not any(mark and mark.watches for mark in marks):
            return
        self.refuse_changed_rows(q, options)
        for mark, queries, keys in zip(marks, q.chunk(len(marks)), k.chunk(len(marks)), strict=True):
            for watch in mark.watches if mark else ():
                if watch.looks_at(self.step, self.coarse_factor, options):
                    watch.see(self.step, queries, keys, self.coarse_factor, options)

    def see_self(self, hidden: torch.Tensor, context: torch.Tensor, layer, options: dict) -> None:
        """Adds the self-attention that is watched at this layer, given its inputs after every edit."""
        marks = self._marks_of_chunks(options)
        for mark, queries, keys in zip(marks, hidden.chunk(len(marks)), context.chunk(len(marks)), strict=True):
            for watch in mark.watches if mark else ():
                if watch.looks_at_self(self.step, self.coarse_factor, options):
                    watch.see_self(self.step, layer.to_q(queries), layer.to_k(keys), options)

    def _marks_of_chunks(self, options: dict) -> list[Mark | None]:
        return [self.chunks.get(key) for key in zip(options["cond_or_uncond"], options["uuids"], strict=True)]

    def refuse_changed_rows(self, tensor: torch.Tensor, options: dict) -> None:
        """Raises:
        P2PError: not the rows of the model call, of which every chunk holds whole groups, reached the attention.
        """
        rows, chunks = options["original_shape"][0], len(options["cond_or_uncond"])
        if tensor.shape[0] != rows or rows % (chunks * self.rows):
            raise P2PError(
                f"{tensor.shape[0]} rows reached the attention where {rows}, a multiple of {chunks}×{self.rows}, were "
                "expected: another node changes the batch inside the model (Attention Couple and regional prompts by "
                "attention do). Take that node out; for regions, combine prompts with masks or areas."
            )


def _at(steps: Sequence[Operators], step: int) -> Operators | None:
    """The operators of a step; None where it is not edited. A call after the last step belongs to the last."""
    operators = steps[min(step, len(steps) - 1)]
    return operators if any(operators) else None


def plans_of(groups: Sequence[Group], progress: Sequence[float]) -> dict[Group, tuple[Operators, ...]]:
    """The operators of all groups that share their rows. A target's rows are its source's if no group edits them."""
    of_target = zip(*(group.controller.edits for group in groups), strict=True)
    are_equal = [all(edit.is_identity for edit in edits) for edits in of_target]
    return {group: plan_of(group, progress, are_equal) for group in groups}


def plan_of(group: Group, progress: Sequence[float], rows_are_equal: Sequence[bool]) -> tuple[Operators, ...]:
    """The operators of a group at every step, which share one object wherever they are the same."""
    edits = zip(group.controller.edits, rows_are_equal, strict=True)
    shared: dict[tuple[int, ...], Operators] = {}
    steps = zip(*(plan(edit, progress, equal) for edit, equal in edits), strict=True)
    return tuple(shared.setdefault(tuple(map(id, operators)), operators) for operators in steps)
