"""What an edit is to do, measured by what the judge sees in the source and in the edited pictures.

Each aim's ``measure(source, target)`` takes two verdicts of the judge, on b pictures each, and returns measures by
name: (b,) tensors, NaN where a measure has no meaning.
"""

from dataclasses import dataclass
from typing import Protocol

import torch

from . import figures
from .edits import ATTRIBUTES, SIZES, Edit

GROWTH = 1.2  # of the area, at least, where an object is to be larger; one over it where smaller


class Verdict(Protocol):
    """What the judge sees in b pictures; the masks are (b, h, w), the probabilities (b, classes)."""

    mask: torch.Tensor
    object_probability: torch.Tensor
    colour_probability: torch.Tensor
    background_probability: torch.Tensor


class Aim(Protocol):
    """What an edit is to do."""

    def measure(self, source: Verdict, target: Verdict) -> dict[str, torch.Tensor]: ...


@dataclass(frozen=True)
class Shown:
    """The wanted object, colour or background is seen."""

    attribute: str
    wanted: int

    def measure(self, source: Verdict, target: Verdict) -> dict[str, torch.Tensor]:
        return {"success": figures.found(getattr(target, f"{self.attribute}_probability"), self.wanted)}


@dataclass(frozen=True)
class Resized:
    """The object is larger, or smaller, than in the source."""

    larger: bool

    def measure(self, source: Verdict, target: Verdict) -> dict[str, torch.Tensor]:
        ratio = figures.area_ratio(source.mask, target.mask)
        return {"success": (ratio >= GROWTH if self.larger else ratio <= 1 / GROWTH).double()}


@dataclass(frozen=True)
class Coloured:
    """The object has more, or less, of a colour: how much the judge sees of it, and whether it sees it most."""

    colour: int

    def measure(self, source: Verdict, target: Verdict) -> dict[str, torch.Tensor]:
        probability = target.colour_probability
        natural = 1 - probability.sum(dim=1, keepdim=True)
        seen = figures.found(torch.cat([probability, natural], dim=1), self.colour)
        return {"success": seen, "colour": probability[:, self.colour].double()}


@dataclass(frozen=True)
class Moved:
    """The object is elsewhere, and still there. ``offset`` is right and down, in fractions of the picture."""

    object: int
    offset: tuple[float, float]

    def measure(self, source: Verdict, target: Verdict) -> dict[str, torch.Tensor]:
        return {
            "success": figures.found(target.object_probability, self.object),
            "moved": figures.moved_part(source.mask, target.mask, self.offset),
        }


def aim_of(edit: Edit) -> Aim:
    """Return what a swap or an addition is to do."""
    if edit.attribute == "size":
        return Resized(edit.target.size != SIZES[0])
    return Shown(edit.attribute, edit.wanted)


def place_of(attribute: str, word: str) -> int:
    """Return the judge's class of a word."""
    return ATTRIBUTES[attribute].index(word)
