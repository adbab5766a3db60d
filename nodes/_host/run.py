"""All state of one sampling run. It lives in the run's own options and ends with them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.operators import TokenOperators
from ...p2p_core.source_record import Moment, level_name
from ...p2p_core.wording import counted
from .capturing import Capture, LayerName
from .conditioning import Group
from .plans import Operators
from .seeing import Watch

_NO_CALL = Moment("", 0)
_Made = TypeVar("_Made")


@dataclass(frozen=True, eq=False)
class Mark:
    """What concerns this pack in one conditioning entry.

    Attributes:
        group: whose rows it holds; None where it is not edited.
        watches: whose words are seen.
        captures: the records that it is kept in.
        entry: which of the prompts it is in them, and in the record that its sources come from.
    """

    group: Group | None = None
    watches: tuple[Watch, ...] = ()
    captures: tuple[Capture, ...] = ()
    entry: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.group or self.watches or self.captures)


@dataclass(eq=False)
class Run:
    """Which rows are edited, seen or recorded in the current model call, and how.

    The host passes objects in its options by reference and copies dictionaries, so this is an object.

    Attributes:
        rows: rows per group; 1 in a run without an edit.
        plans: per group, per step, the operators of every target.
        marks: of all entries of the run.
        coarse_factor: see ``grids``.
        sourceless: the plans at layers of which the record of the sources has nothing.
        step: that of the current model call.
        moment: the same as records name it.
        reported: how many steps the sampler has reported, each after its first model call.
        chunks: (index of the condition list, its entry's uuid) to the mark, for the model call in progress.
    """

    rows: int
    plans: dict[Group, tuple[Operators, ...]]
    marks: tuple[Mark, ...]
    coarse_factor: int
    sourceless: dict[Group, tuple[Operators, ...]] = field(default_factory=dict)
    step: int = 0
    moment: Moment = _NO_CALL
    reported: int = 0
    chunks: dict[tuple, Mark] = field(default_factory=dict)
    _calls: dict[str, int] = field(default_factory=dict)
    _evaluations: dict[Mark, int] = field(default_factory=dict)
    _made: dict[tuple, Any] = field(default_factory=dict)

    def begin_call(self, level: float) -> None:
        """A model call at a noise level begins."""
        self.moment = self.coming(level)
        self._calls[self.moment.level] = self.moment.call + 1
        self._evaluations.clear()

    def coming(self, level: float) -> Moment:
        """The moment of the next model call at a noise level."""
        name = level_name(level)
        return Moment(name, self._calls.get(name, 0))

    def begin_evaluation(self, chunks: dict[tuple, Mark]) -> None:
        """The conditions are about to be evaluated, with these marked chunks."""
        self.chunks = chunks
        for mark in set(chunks.values()):
            self._evaluations[mark] = self._evaluations.get(mark, -1) + 1

    @property
    def needs_self_attention(self) -> bool:
        """Whether any step of any target edits self-attention, or it is to be seen."""
        return (
            any(watch.self_sums is not None for mark in self.marks for watch in mark.watches)
            or any(capture.keeps_self_attention for mark in self.marks for capture in mark.captures)
            or any(operator is not None and operator.self_attention is not None for operator in self._operators())
        )

    @property
    def captures_queries(self) -> bool:
        """Whether cross-attention is recorded."""
        return any(not capture.keeps_words for mark in self.marks for capture in mark.captures)

    @property
    def needs_replacement(self) -> bool:
        """Whether any step of any target needs several attention terms, or any words are to be seen."""
        return (
            any(mark.watches for mark in self.marks)
            or any(capture.keeps_words for mark in self.marks for capture in mark.captures)
            or any(group.recorded is not None and group.recorded.kind == "maps" for group in self.plans)
            or any(operator is not None and operator.has_further_terms for operator in self._operators())
        )

    def _operators(self) -> Iterator[TokenOperators | None]:
        plans = (*self.plans.values(), *self.sourceless.values())
        return (operator for steps in plans for operators in steps for operator in operators)

    def operators_of(self, mark: Mark) -> Iterator[TokenOperators]:
        """Those of the current step, whether its sources are known or not."""
        for plans in (self.plans, self.sourceless):
            if mark.group in plans:
                yield from (operator for operator in _at(plans[mark.group], self.step) or () if operator is not None)

    def operators_of_chunks(self, tensor: torch.Tensor, options: dict) -> list[Operators | None]:
        """For every chunk of a batch the operators of the current step; None where nothing is edited now."""
        return self._at_this_step(self.plans, tensor, options)

    def sourceless_operators_of_chunks(self, tensor: torch.Tensor, options: dict) -> list[Operators | None]:
        """The same at a layer of which the record of the sources has nothing."""
        return self._at_this_step(self.sourceless, tensor, options)

    def _at_this_step(
        self, plans: Mapping[Group, Sequence[Operators]], tensor: torch.Tensor, options: dict
    ) -> list[Operators | None]:
        marks = self.marks_of_chunks(options)
        found = [_at(plans[mark.group], self.step) if mark and mark.group else None for mark in marks]
        if any(found):
            self.refuse_changed_rows(tensor, options)
        return found

    def marks_of_chunks(self, options: dict) -> list[Mark | None]:
        """The mark of every chunk of the batch that reached a layer."""
        return [self.chunks.get(key) for key in zip(options["cond_or_uncond"], options["uuids"], strict=True)]

    def layer_name(self, mark: Mark, options: dict) -> LayerName:
        """What records call the layer that calls, in the current model call."""
        site = (*options["block"], options["block_index"])
        grid = tuple(options["activations_shape"][-2:])
        return LayerName(mark.entry, self.moment, self._evaluations.get(mark, 0), site, grid)

    def once(self, key: tuple, make: Callable[[], _Made]) -> _Made:
        """What is the same wherever this key is, at all layers and steps: it is made the first time."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def refuse_changed_rows(self, tensor: torch.Tensor, options: dict) -> None:
        """Raises:
        P2PError: not the rows of the model call, of which every chunk holds whole groups, reached the attention.
        """
        rows, chunks = options["original_shape"][0], len(options["cond_or_uncond"])
        if tensor.shape[0] != rows or rows % (chunks * self.rows):
            raise P2PError(
                f"{counted(tensor.shape[0], 'row')} reached the attention where {rows}, a multiple of "
                f"{chunks}×{self.rows}, were expected: another node changes the batch inside the model (Attention "
                "Couple and regional prompts by attention do). Take that node out; for regions, combine prompts with "
                "masks or areas."
            )


def _at(steps: Sequence[Operators], step: int) -> Operators | None:
    """The operators of a step; None where it is not edited. A call after the last step belongs to the last."""
    operators = steps[min(step, len(steps) - 1)]
    return operators if any(operators) else None
