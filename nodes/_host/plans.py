"""What is edited at which step of a run, decided before it is sampled."""

from collections.abc import Sequence
from dataclasses import replace as with_changes

from ...p2p_core.adjusted_operators import adjusted
from ...p2p_core.adjustment import AdjustedMaps, adjusted_maps
from ...p2p_core.edit import Edit
from ...p2p_core.operators import TokenOperators, plan
from ...p2p_core.windows import Window
from .conditioning import Group

Operators = tuple[TokenOperators | None, ...]  # one per target


def plans_of(groups: Sequence[Group], progress: Sequence[float]) -> dict[Group, tuple[Operators, ...]]:
    """The operators of all groups that share their rows. A target's rows are its source's if no group edits them."""
    of_target = zip(*(group.controller.edits for group in groups), strict=True)
    is_adjusted = any(_adjusted_maps(group) is not None for group in groups)
    are_equal = [not is_adjusted and all(edit.is_identity for edit in edits) for edits in of_target]
    return {group: plan_of(group, progress, are_equal) for group in groups}


def sourceless_plans_of(groups: Sequence[Group], progress: Sequence[float]) -> dict[Group, tuple[Operators, ...]]:
    """The same of groups where nothing of their sources is known."""
    without = {group: _sourceless(group) for group in groups}
    plans = plans_of([*without.values()], progress)
    return {group: plans[own] for group, own in without.items()}


def plan_of(group: Group, progress: Sequence[float], rows_are_equal: Sequence[bool]) -> tuple[Operators, ...]:
    """The operators of a group at every step, which share one object wherever they are the same."""
    edits, maps = zip(group.controller.edits, rows_are_equal, strict=True), _adjusted_maps(group)
    shared: dict[tuple[int, ...], Operators] = {}
    plans = [_adjusted_plan(edit, plan(edit, progress, equal), maps) for edit, equal in edits]
    steps = zip(*plans, strict=True)
    return tuple(shared.setdefault(tuple(map(id, operators)), operators) for operators in steps)


def _sourceless(group: Group) -> Group:
    """The group where nothing of its source is known: targets keep their own maps."""
    never = Window(0.0, 0.0)
    edits = tuple(
        with_changes(edit, cross_window=never, word_windows=(), self_window=None) for edit in group.controller.edits
    )
    return with_changes(group, controller=with_changes(group.controller, edits=edits))


def _adjusted_plan(edit: Edit, operators: Operators, maps: AdjustedMaps | None) -> Operators:
    return operators if maps is None else adjusted(operators, edit, maps)


def adjusted_positions(group: Group) -> tuple[int, ...]:
    """The tokens of a group's source whose maps were adjusted in its record."""
    maps = _adjusted_maps(group)
    return () if maps is None else maps.changed


def _adjusted_maps(group: Group) -> AdjustedMaps | None:
    """What was adjusted of the recorded source of a group."""
    if group.recorded is None:
        return None
    return adjusted_maps(group.controller.source, group.recorded.record.adjustments)
