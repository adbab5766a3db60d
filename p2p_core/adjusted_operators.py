"""The operators of an edit whose source has adjusted maps.

With A' = Σ_p warp_p(A · B_p) + Σ_m m ⊗ u_m (see ``adjustment``) an inherited term becomes terms of the kinds there are:

    A' · (inherit · V_t)  =  Σ_p warp_p(A · (B_p · inherit · V_t))  +  Σ_m m ⊗ (u_m · inherit · V_t)

What the edit itself moves is moved after.
"""

from collections.abc import Sequence
from dataclasses import replace as with_changes

import torch

from .adjustment import AdjustedMaps
from .drawn_maps import PlacedMask
from .edit import Edit
from .operators import DrawnTokens, MovedTokens, TokenOperators
from .placement import Placement

Plan = tuple[TokenOperators | None, ...]


def adjusted(operators: Sequence[TokenOperators | None], edit: Edit, maps: AdjustedMaps) -> Plan:
    """The operators of every step; those that were one object are one again, and without the source's map the same."""
    changed = {id(operator): _adjusted(operator, edit, maps) for operator in operators if operator is not None}
    return tuple(None if operator is None else changed[id(operator)] for operator in operators)


def _adjusted(operator: TokenOperators, edit: Edit, maps: AdjustedMaps) -> TokenOperators:
    if not operator.reads_source:
        return operator
    moved: list[MovedTokens] = []
    drawn: list[DrawnTokens] = []
    inherit, own = operator.inherit, operator.own
    if inherit is not None:
        word = (edit.alignment.mapper * (inherit != 0).any(dim=0)).sum(dim=1)
        parts = _placed(maps, Placement(), inherit, word)
        drawn += _drawn(maps, Placement(), inherit)
        inherit = next((part.inherit for part in parts if part.placement.is_identity), None)
        moved += [part for part in parts if not part.placement.is_identity]
        own = own if inherit is not None or own is not None else torch.zeros(edit.target.token_count)
    for part in operator.moved:
        moved += _moved(maps, part)
        drawn += [] if part.inherit is None else _drawn(maps, part.placement, part.inherit)
    return with_changes(operator, inherit=inherit, own=own, moved=tuple(moved), drawn=tuple(drawn))


def _placed(maps: AdjustedMaps, then: Placement, inherit: torch.Tensor, word: torch.Tensor | None) -> list[MovedTokens]:
    """What is inherited, by where it is put."""
    found = []
    for placement, columns in maps.placed.items():
        part = columns @ inherit
        if bool(part.any()):
            centre = None if word is None else columns.abs() @ word  # turned around, a word is still where it is
            found.append(MovedTokens(placement.then(then), part, None, centre, None))
    return found


def _moved(maps: AdjustedMaps, part: MovedTokens) -> list[MovedTokens]:
    """What the edit moves, after the adjustments. What they leave in its place stays one word with the target's own."""
    if part.inherit is None:
        return [part]
    placed = _placed(maps, part.placement, part.inherit, part.inherited_word)
    if part.own is None:
        return placed
    own = MovedTokens(part.placement, None, part.own, None, part.own_word)
    together = [
        with_changes(one, own=part.own, own_word=part.own_word) if one.placement == part.placement else one
        for one in placed
    ]
    return together if any(one.own is not None for one in together) else [*placed, own]


def _drawn(maps: AdjustedMaps, then: Placement, inherit: torch.Tensor) -> list[DrawnTokens]:
    """What is inherited of drawn masks."""
    parts = [(columns, columns.parts @ inherit) for columns in maps.drawn]
    return [
        DrawnTokens(PlacedMask(columns.mask, columns.placement.then(then)), weights)
        for columns, weights in parts
        if bool(weights.any())
    ]
