"""Changes to a source's maps before a target inherits them: scale, move, blend and draw, in any order.

All are linear in the columns of the map A (queries × source tokens), so that a chain of them is data of one form:

    A' = Σ_p warp_p(A · B_p) + Σ_m m ⊗ u_m

B_p (source tokens × source tokens) says what is put by placement p, u_m (source tokens,) how strongly the columns take
the drawn mask m. No map is needed to make the chain, nor to use it (see ``adjusted_operators``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from .drawn_maps import DrawnMask
from .placement import Placement

Positions = tuple[int, ...]


class Words(Protocol):
    """A prompt as far as adjustments read it: ``Prompt``, or what a record keeps of one."""

    @property
    def token_count(self) -> int: ...

    def find(self, phrase: str) -> Positions: ...

    def has(self, phrase: str) -> bool: ...


@dataclass(frozen=True, eq=False)
class DrawnColumns:
    """``m ⊗ u``: a drawn mask, where it is put, and its part in every column, (source tokens,)."""

    mask: DrawnMask
    placement: Placement
    parts: torch.Tensor


@dataclass(frozen=True, eq=False)
class AdjustedMaps:
    """A' as a function of A.

    Attributes:
        placed: B_p by placement; that of no placement comes first.
        drawn: the u_m.
    """

    placed: Mapping[Placement, torch.Tensor]
    drawn: tuple[DrawnColumns, ...] = ()

    def mixed(self, matrix: torch.Tensor) -> "AdjustedMaps":
        """``A' · matrix`` (source tokens × source tokens)."""
        placed = {placement: part @ matrix for placement, part in self.placed.items()}
        drawn = tuple(DrawnColumns(own.mask, own.placement, own.parts @ matrix) for own in self.drawn)
        return _without_zeros(placed, drawn)

    def put(self, positions: Positions, placement: Placement) -> "AdjustedMaps":
        """Columns of A' put elsewhere."""
        chosen = _indicator(positions, len(self.placed[Placement()]))
        placed = {own: part * (1 - chosen) for own, part in self.placed.items()}
        drawn = [DrawnColumns(own.mask, own.placement, own.parts * (1 - chosen)) for own in self.drawn]
        for own, part in self.placed.items():
            place = own.then(placement)
            placed[place] = placed.get(place, torch.zeros_like(part)) + part * chosen
        drawn += [DrawnColumns(own.mask, own.placement.then(placement), own.parts * chosen) for own in self.drawn]
        return _without_zeros(placed, tuple(drawn))

    def plus(self, mask: DrawnMask, parts: torch.Tensor) -> "AdjustedMaps":
        return AdjustedMaps(self.placed, (*self.drawn, DrawnColumns(mask, Placement(), parts)))

    @property
    def changed(self) -> Positions:
        """The positions whose columns are others than those of A."""
        changed = torch.zeros(len(self.placed[Placement()]), dtype=torch.bool)
        for placement, part in self.placed.items():
            changed |= (part != (torch.eye(len(part)) if placement.is_identity else 0)).any(dim=0)
        for own in self.drawn:
            changed |= own.parts != 0
        return tuple(changed.nonzero().flatten().tolist())


@dataclass(frozen=True)
class Scale:
    """The columns of a word times a factor."""

    word: str
    factor: float

    @property
    def words(self) -> tuple[str, ...]:
        return (self.word,)

    def of(self, maps: AdjustedMaps, prompt: Words) -> AdjustedMaps:
        chosen = _indicator(prompt.find(self.word), prompt.token_count)
        return maps.mixed(torch.diag(1 + (self.factor - 1) * chosen))


@dataclass(frozen=True)
class Move:
    """The columns of a word shifted, and resized about their own centre."""

    word: str
    placement: Placement

    @property
    def words(self) -> tuple[str, ...]:
        return (self.word,)

    def of(self, maps: AdjustedMaps, prompt: Words) -> AdjustedMaps:
        return maps if self.placement.is_identity else maps.put(prompt.find(self.word), self.placement)


@dataclass(frozen=True)
class Blend:
    """The columns of a word drawn towards the mean column of another: 0 leaves them, 1 takes the other's."""

    word: str
    other: str
    amount: float

    @property
    def words(self) -> tuple[str, ...]:
        return self.word, self.other

    def of(self, maps: AdjustedMaps, prompt: Words) -> AdjustedMaps:
        own, other = prompt.find(self.word), prompt.find(self.other)
        matrix = torch.eye(prompt.token_count)
        mean = _indicator(other, prompt.token_count) / len(other)
        matrix[:, list(own)] = (1 - self.amount) * matrix[:, list(own)] + self.amount * mean[:, None]
        return maps.mixed(matrix)


@dataclass(frozen=True, eq=False)
class Draw:
    """A drawn mask times a strength in place of a word's map, shared by its tokens and the same for all heads."""

    word: str
    mask: DrawnMask
    strength: float

    @property
    def words(self) -> tuple[str, ...]:
        return (self.word,)

    def of(self, maps: AdjustedMaps, prompt: Words) -> AdjustedMaps:
        positions = prompt.find(self.word)
        chosen = _indicator(positions, prompt.token_count)
        return maps.mixed(torch.diag(1 - chosen)).plus(self.mask, chosen * self.strength / len(positions))


Adjustment = Scale | Move | Blend | Draw


def adjusted_maps(prompt: Words, adjustments: Sequence[Adjustment]) -> AdjustedMaps | None:
    """The adjustments in their order, on the maps of one prompt; None where they change nothing of it.

    Those whose words the prompt lacks are of another prompt of the same conditioning.
    """
    own = [one for one in adjustments if all(map(prompt.has, one.words))]
    unchanged = torch.eye(prompt.token_count)
    maps = AdjustedMaps({Placement(): unchanged})
    for adjustment in own:
        maps = adjustment.of(maps, prompt)
    is_changed = maps.drawn or len(maps.placed) > 1 or not torch.equal(maps.placed[Placement()], unchanged)
    return maps if is_changed else None


def _without_zeros(placed: Mapping[Placement, torch.Tensor], drawn: Sequence[DrawnColumns]) -> AdjustedMaps:
    """That of no placement stays, so that the number of tokens is always known."""
    kept = {own: part for own, part in placed.items() if own.is_identity or bool(part.any())}
    return AdjustedMaps(kept, tuple(own for own in drawn if bool(own.parts.any())))


def _indicator(positions: Positions, tokens: int) -> torch.Tensor:
    """(tokens,), 1 at some positions."""
    chosen = torch.zeros(tokens)
    chosen[list(positions)] = 1
    return chosen
