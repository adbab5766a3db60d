"""Adjusted maps place by place: every column as a list of what it is made of. Shares no formula with the product."""

from collections import defaultdict

import torch
from einops import reduce
from p2p.p2p_core import naive
from p2p.p2p_core.adjustment import Blend, Draw, Move, Scale
from p2p.p2p_core.placement import Placement

STAYS = Placement()


def parts_of_columns(prompt, adjustments):
    """Per source token {(number of a source column or a drawn mask, placement): weight}."""
    columns = [{(token, STAYS): 1.0} for token in range(prompt.token_count)]
    for adjustment in adjustments:
        before = [dict(column) for column in columns]
        positions = prompt.find(adjustment.word)
        for token in positions:
            own = before[token]
            if isinstance(adjustment, Scale):
                columns[token] = {key: weight * adjustment.factor for key, weight in own.items()}
            elif isinstance(adjustment, Move):
                columns[token] = {(what, both(place, adjustment.placement)): own[what, place] for what, place in own}
            elif isinstance(adjustment, Blend):
                others = prompt.find(adjustment.other)
                mixed = defaultdict(float, {key: (1 - adjustment.amount) * weight for key, weight in own.items()})
                for other in others:
                    for key, weight in before[other].items():
                        mixed[key] += adjustment.amount * weight / len(others)
                columns[token] = dict(mixed)
            elif isinstance(adjustment, Draw):
                columns[token] = {(adjustment.mask, STAYS): adjustment.strength / len(positions)}
    return columns


def both(first, second):
    offsets = first.offset_x + second.offset_x, first.offset_y + second.offset_y
    return Placement(*offsets, first.scale * second.scale)


def adjusted_and_edited_map(source_map, target_map, edit, progress, grid, adjustments):
    """``naive.edited_map`` of an adjusted source: (heads, queries, tokens) maps, the same result."""
    a, e, mapper = naive.inheritance(edit, progress), naive.equalizer(edit, progress), edit.alignment.mapper
    moves = defaultdict(lambda: STAYS)
    for placement, tokens in naive._moved_columns(edit, progress).items():
        moves.update(dict.fromkeys(tokens, placement))
    source_parts = parts_of_columns(edit.source, adjustments)
    pieces = defaultdict(dict)  # by (placement of the adjustments, of the edit): what stands in each target column
    for target in range(edit.target.token_count):
        for source in mapper[:, target].nonzero().flatten().tolist() if a[target] else ():
            for (what, place), weight in source_parts[source].items():
                column = pieces[place, moves[target]].setdefault(target, defaultdict(float))
                column[what] += weight * float(mapper[source, target])
        if not a[target]:
            pieces[STAYS, moves[target]].setdefault(target, defaultdict(float))["own", target] += 1.0
    result = torch.zeros_like(target_map)
    for (adjusted, moved), columns in pieces.items():
        placement = both(adjusted, moved)
        raw, masks = torch.zeros_like(target_map), defaultdict(lambda: torch.zeros(target_map.shape[-1]))
        word = torch.zeros(source_map.shape[1])
        for target, parts in columns.items():
            for what, weight in parts.items():
                if isinstance(what, (int, tuple)):
                    column = target_map[..., what[1]] if isinstance(what, tuple) else source_map[..., what]
                    raw[..., target] += weight * column
                    # A word that the edit leaves where it is has no place of its own where it is scaled to nothing.
                    is_seen = e[target] != 0 or moved != STAYS
                    word += abs(weight) * is_seen * reduce(column, "h q -> q", "mean")
                else:
                    masks[what][target] += weight
        result += put(e * raw, grid, placement, word)
        for mask, weights in masks.items():
            drawn = mask.on(grid)[None, :, None]
            result += e * weights * put(drawn, grid, placement, drawn[0, :, 0])
    return result


def put(columns, grid, placement, word):
    if placement == STAYS or not columns.any():
        return columns
    centre = (0.0, 0.0) if placement.scale == 1 else naive._centre_of_mass(word, grid)
    return naive.moved_map(columns, grid, placement, centre)
