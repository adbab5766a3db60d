"""All state of one sampling run. It lives in the run's own options and ends with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.operators import TokenOperators, plan
from .conditioning import Group

Operators = tuple[TokenOperators | None, ...]  # one per target


@dataclass(eq=False)
class Run:
    """Which rows are edited in the current model call, and how.

    The host passes objects in its options by reference and copies dictionaries, so this is an object.

    Attributes:
        rows: rows per group.
        plans: per group, per step, the operators of every target.
        step: the current one; its operators hold until the sampler reports the next.
        chunks: (index of the condition list, its entry's uuid) to the group, for the model call in progress.
    """

    rows: int
    plans: dict[Group, tuple[Operators, ...]]
    coarse_factor: int
    step: int = 0
    chunks: dict[tuple, Group] = field(default_factory=dict)
    _placed: dict[tuple, Operators] = field(default_factory=dict)

    @property
    def needs_two_terms(self) -> bool:
        """Whether any step of any target needs the source's map and its own."""
        return any(
            operator is not None and operator.has_two_terms
            for steps in self.plans.values()
            for operators in steps
            for operator in operators
        )

    def operators_of_chunks(self, tensor: torch.Tensor, options: dict) -> list[Operators | None]:
        """For every chunk of a batch the operators beside ``tensor``; None where nothing is edited now."""
        keys = zip(options["cond_or_uncond"], options["uuids"], strict=True)
        groups = [self.chunks.get(key) for key in keys]
        found = [None if group is None else self._placed_operators(group, tensor) for group in groups]
        if any(found) and tensor.shape[0] % (len(groups) * self.rows):
            raise P2PError(
                f"{tensor.shape[0]} rows reached the attention where a multiple of {len(groups)}×{self.rows} was "
                "expected: another node changes the batch inside the model. Remove it, or connect it after P2P Apply."
            )
        return found

    def _placed_operators(self, group: Group, tensor: torch.Tensor) -> Operators | None:
        steps = self.plans[group]
        operators = steps[min(self.step, len(steps) - 1)]
        if not any(operators):
            return None
        key = (*map(id, operators), tensor.device, tensor.dtype)
        if key not in self._placed:
            self._placed[key] = tuple(o and o.to(tensor.device, tensor.dtype) for o in operators)
        return self._placed[key]


def plans_of(groups: Sequence[Group], progress: Sequence[float]) -> dict[Group, tuple[Operators, ...]]:
    """The operators of every group at every step, which share one object wherever they are the same."""
    return {
        group: tuple(zip(*(plan(edit, progress) for edit in group.controller.edits), strict=True)) for group in groups
    }
