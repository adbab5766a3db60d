"""The maps that the masks of a local blend are made of: seen while sampling, or made of those that a record has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_changes

import torch

from ...p2p_core.edit import Grids
from ...p2p_core.local_blend import LocalBlend
from ...p2p_core.operators import TokenOperators
from ...p2p_core.placement import Grid
from ...p2p_core.token_maps import TokenMaps, token_maps_of
from ...p2p_core.word_maps import MapSums, Positions, word_columns
from .conditioning import Group
from .places import Places
from .plans import Operators, plan_of
from .seeing import Watch

Blends = tuple[LocalBlend | None, ...]  # one per target
MapsOfPair = tuple[torch.Tensor, torch.Tensor]  # (groups, 2, height, width) of the source and of a target


@dataclass(frozen=True, eq=False)
class SeenMaps:
    """The maps of one entry's words: two columns per target, those that may change and those that must not."""

    blends: Blends
    sums: MapSums

    def follow(self, step: int, device: torch.device) -> None:
        """A model call of a step is over: what was seen is in the sums."""

    def maps_of(self, target: int) -> MapsOfPair | None:
        """Mean of what was seen so far; None for nothing."""
        means = self.sums.mean()
        return None if means is None else _of_pair(_in_groups(means[0], self.blends), target)


@dataclass(eq=False)
class ReplayedMaps:
    """The same of an entry whose source was recorded: only what targets see by themselves has to be looked at.

    Attributes:
        tokens: of the source.
        layers: how many of every grid are counted.
        size: (height, width) of the maps.
        columns: by step, (source tokens, rows·words): what the words of every row of a group are in its map.
        own: what the targets' words see by themselves, step by step.
    """

    blends: Blends
    tokens: TokenMaps
    layers: Mapping[Grid, int]
    size: Grid
    columns: Sequence[torch.Tensor]
    own: MapSums
    _followed: set[int] = field(default_factory=set)
    _sum: torch.Tensor | None = None

    def follow(self, step: int, device: torch.device) -> None:
        """A model call of a step is over: its maps are added, those of further calls are another look at them."""
        step = min(step, len(self.columns) - 1)
        if step in self._followed or step not in self.tokens.maps:
            return
        self._followed.add(step)
        words = self.tokens.seen(step, self.columns[step], self.layers, self.size, device)
        maps = words.unflatten(1, (1 + len(self.blends), -1))
        if (own := self.own.at(step)) is not None:
            maps = maps + _in_groups(own.to(device), self.blends)[:, :, : maps.shape[2]]
        self._sum = maps if self._sum is None else self._sum + maps

    def maps_of(self, target: int) -> MapsOfPair | None:
        """Mean of what was seen so far; None for nothing."""
        return None if self._sum is None else _of_pair(self._sum / len(self._followed), target)


def blend_maps(
    group: Group, blends: Blends, grids: Grids, progress: Sequence[float], places: Places
) -> tuple[SeenMaps | ReplayedMaps, Watch | None]:
    """The maps of one entry, and what has to be watched for them; None for nothing.

    Args:
        blends: those that count maps up to these grids; None for the other targets.
    """
    words, plan = _words_of_rows(blends), _plan(group, progress)
    tokens = _recorded_tokens(group)
    if tokens is not None and tokens.have(places.within(grids)):
        columns = _columns(group, words, plan, tokens)
        if columns is not None:
            own = MapSums(keep_steps=True)
            maps = ReplayedMaps(blends, tokens, places.within(grids), places.largest(grids), columns, own)
            return maps, _watch_without_source(group, words, plan, tokens, grids, places.latent, own)
    sums, steps = MapSums(), (True,) * len(plan)
    return SeenMaps(blends, sums), Watch(words, _token_counts(group), plan, places.latent, grids, steps, sums)


def _in_groups(maps: torch.Tensor, blends: Blends) -> torch.Tensor:
    """(groups·rows, words, height, width) → (groups, rows, words, height, width)."""
    return maps.unflatten(0, (-1, 1 + len(blends)))


def _of_pair(maps: torch.Tensor, target: int) -> MapsOfPair:
    own = maps[:, :, 2 * target : 2 * target + 2]
    return own[:, 0], own[:, 1 + target]


def _words_of_rows(blends: Blends) -> tuple[tuple[Positions, ...], ...]:
    """Two columns per target for every row of a group, those of other targets without words."""
    source = [part for blend in blends for part in ((blend.source, blend.keep_source) if blend else ((), ()))]
    targets = []
    for place, blend in enumerate(blends):
        columns: list[Positions] = [()] * (2 * len(blends))
        columns[2 * place : 2 * place + 2] = (blend.target, blend.keep_target) if blend else ((), ())
        targets.append(tuple(columns))
    return tuple(source), *targets


def _token_counts(group: Group) -> tuple[int, ...]:
    return group.controller.source.token_count, *(edit.target.token_count for edit in group.controller.edits)


def _plan(group: Group, progress: Sequence[float]) -> tuple[Operators, ...]:
    """What the maps are to show: where a word is does not depend on how strongly it is read."""
    edits = group.controller.edits
    unscaled = with_changes(group.controller, edits=tuple(with_changes(edit, scales=()) for edit in edits))
    return plan_of(with_changes(group, controller=unscaled), progress, [False] * len(edits))


def _recorded_tokens(group: Group) -> TokenMaps | None:
    if group.recorded is None:
        return None
    record, entry = group.recorded.record, group.recorded.entry
    return token_maps_of(record.exact, entry, record.facts["prompts"][entry]["words"])


def _columns(
    group: Group, words: Sequence[Sequence[Positions]], plan: Sequence[Operators], tokens: TokenMaps
) -> list[torch.Tensor] | None:
    """What the words of every row are in the source's map, by step, (source tokens, rows·words).

    None where they are not columns of it alone, as that of a word that is moved, or not of known ones.
    """
    if any(operator is not None and (operator.moved or operator.drawn) for step in plan for operator in step):
        return None
    source, *targets = map(word_columns, words, _token_counts(group))

    def of_target(operator: TokenOperators | None, target: torch.Tensor) -> torch.Tensor:
        is_inherited = operator is not None and operator.inherit is not None
        return operator.inherit @ target if is_inherited else source.new_zeros(len(source), target.shape[1])

    made = {id(step): torch.cat([source, *map(of_target, step, targets)], dim=1) for step in plan}
    return [made[id(step)] for step in plan] if all(map(tokens.know, made.values())) else None


def _watch_without_source(
    group: Group,
    words: tuple[tuple[Positions, ...], ...],
    plan: Sequence[Operators],
    tokens: TokenMaps,
    grids: Grids,
    latent: Grid,
    sums: MapSums,
) -> Watch | None:
    """Watches what targets see by themselves; None where that is nothing."""
    alone = {id(step): tuple(map(_without_source, step)) for step in plan}
    targets = [*map(word_columns, words[1:], _token_counts(group)[1:])]
    looks = {key: any(map(_sees_by_itself, step, targets)) for key, step in alone.items()}
    steps = tuple(looks[id(step)] and number in tokens.maps for number, step in enumerate(plan))
    plan = tuple(alone[id(step)] for step in plan)
    if not any(steps):
        return None
    return Watch(words, _token_counts(group), plan, latent, grids, steps, sums, reads_sources=False)


def _without_source(operator: TokenOperators | None) -> TokenOperators | None:
    """What a target sees by itself."""
    if operator is None or operator.inherit is None:
        return operator
    own = operator.inherit.new_zeros(operator.inherit.shape[1]) if operator.own is None else operator.own
    return with_changes(operator, inherit=None, own=own)


def _sees_by_itself(operator: TokenOperators | None, words: torch.Tensor) -> bool:
    return bool((words if operator is None or operator.own is None else words * operator.own[:, None]).any())
