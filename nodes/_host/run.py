"""All state of one sampling run. It lives in the run's own options and ends with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.operators import TokenOperators, plan
from .conditioning import Group
from .seeing import Watch

Operators = tuple[TokenOperators | None, ...]  # one per target


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
    _placed: dict[tuple, Operators] = field(default_factory=dict)

    @property
    def needs_replacement(self) -> bool:
        """Whether any step of any target needs several attention terms, or any words are to be seen."""
        return any(mark.watches for mark in self.marks) or any(
            operator is not None and operator.has_further_terms
            for steps in self.plans.values()
            for operators in steps
            for operator in operators
        )

    def operators_of_chunks(self, tensor: torch.Tensor, options: dict) -> list[Operators | None]:
        """For every chunk of a batch the operators beside ``tensor``; None where nothing is edited now."""
        marks = self._marks_of_chunks(options)
        found = [
            self._placed_operators(self.plans[mark.group], tensor) if mark and mark.group else None for mark in marks
        ]
        if any(found):
            self.refuse_changed_rows(tensor, options)
        return found

    def see(self, q: torch.Tensor, k: torch.Tensor, options: dict) -> None:
        """Adds the maps of the words that are watched at this layer, given its q and k before any edit."""
        marks = self._marks_of_chunks(options)
        if not any(mark and mark.watches for mark in marks):
            return
        self.refuse_changed_rows(q, options)
        for mark, queries, keys in zip(marks, q.chunk(len(marks)), k.chunk(len(marks)), strict=True):
            for watch in mark.watches if mark else ():
                if watch.looks_at(self.step, self.coarse_factor, options):
                    operators = self._placed_operators(watch.plan, q) or (None,) * (watch.rows - 1)
                    watch.see(self.step, queries, keys, operators, self.coarse_factor, options)

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

    def _placed_operators(self, steps: Sequence[Operators], tensor: torch.Tensor) -> Operators | None:
        """The operators of the current step beside a tensor, copied once per run."""
        operators = steps[min(self.step, len(steps) - 1)]
        if not any(operators):
            return None
        key = (*map(id, operators), tensor.device, tensor.dtype)
        if key not in self._placed:
            self._placed[key] = tuple(o and o.to(tensor.device, tensor.dtype) for o in operators)
        return self._placed[key]


def plans_of(groups: Sequence[Group], progress: Sequence[float]) -> dict[Group, tuple[Operators, ...]]:
    """The operators of all groups that share their rows. A target's rows are its source's if no group edits them."""
    of_target = zip(*(group.controller.edits for group in groups), strict=True)
    are_equal = [all(edit.is_identity for edit in edits) for edits in of_target]
    return {group: plan_of(group, progress, are_equal) for group in groups}


def plan_of(group: Group, progress: Sequence[float], rows_are_equal: Sequence[bool]) -> tuple[Operators, ...]:
    """The operators of a group at every step, which share one object wherever they are the same."""
    edits = zip(group.controller.edits, rows_are_equal, strict=True)
    return tuple(zip(*(plan(edit, progress, equal) for edit, equal in edits), strict=True))
