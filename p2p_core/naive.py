"""The oracle: Prompt-to-Prompt on explicit attention maps in fp32, as Hertz et al. 2022 write it. Never used to sample.

Attention is (rows, heads, tokens, head channels) with rows ``[source, target 1 … target n]``, one group. This file
shares no formula with ``operators`` and ``attention``, which must agree with it.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import einsum, rearrange, reduce

from .edit import Edit
from .placement import Placement

Grid = tuple[int, int]


def attention_map(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """``softmax(q kᵀ / √channels)``: (…, queries, channels), (…, tokens, channels) → (…, queries, tokens)."""
    scores = einsum(q.float(), k.float(), "... q c, ... t c -> ... q t") / q.shape[-1] ** 0.5
    return scores.softmax(dim=-1)


def inheritance(edit: Edit, progress: float) -> torch.Tensor:
    """a (target tokens,): the published ``get_time_words_attention_alpha`` at one step, times refine's alphas."""
    gate = torch.zeros(edit.target.token_count)
    if edit.cross_window.contains(progress):
        gate[:] = 1
    for positions, window in edit.word_windows:
        for position in positions:
            gate[position] = 1 if window.contains(progress) else 0
    return gate * edit.inherits.float()


def equalizer(edit: Edit, progress: float) -> torch.Tensor:
    """e (target tokens,): ``get_equalizer`` of the published code, with windows."""
    scale = torch.ones(edit.target.token_count)
    for positions, factor, window in edit.scales:
        for position in positions:
            scale[position] = scale[position] * (factor if window.contains(progress) else 1)
    return scale


def edited_map(
    source_map: torch.Tensor, target_map: torch.Tensor, edit: Edit, progress: float, grid: Grid
) -> torch.Tensor:
    """Hertz et al. 2022, section 4: ``e · (a · (A_s M) + (1 − a) · A_t)`` by columns, moved columns put in their place.

    Args:
        source_map: (heads, queries, source tokens).
        target_map: (heads, queries, target tokens).
        grid: (height, width) of the queries.

    Returns:
        (heads, queries, target tokens).
    """
    a, e = inheritance(edit, progress), equalizer(edit, progress)
    inherited = einsum(source_map, edit.alignment.mapper, "h q s, s t -> h q t")
    mixed = a * inherited + (1 - a) * target_map
    edited = (e * mixed).clone()
    for placement, columns in _moved_columns(edit, progress).items():
        centre = _centre_of_mass(mixed[..., columns].sum(-1).mean(0), grid)
        edited[..., columns] = moved_map(edited[..., columns], grid, placement, centre)
    return edited


def _moved_columns(edit: Edit, progress: float) -> dict[Placement, list[int]]:
    placements: dict[int, Placement] = {}
    for positions, move, window in edit.moves:
        if window.contains(progress):
            for position in positions:
                old = placements.get(position, Placement())
                placements[position] = Placement(
                    old.offset_x + move.offset_x, old.offset_y + move.offset_y, old.scale * move.scale
                )
    columns: dict[Placement, list[int]] = {}
    for position, placement in placements.items():
        if placement != Placement():
            columns.setdefault(placement, []).append(position)
    return columns


def _centre_of_mass(picture: torch.Tensor, grid: Grid) -> tuple[float, float]:
    """(queries,) → (row, column) of its centre, in places of the grid."""
    height, width = grid
    total = picture.sum().item()
    rows = sum(picture[y * width + x].item() * y for y in range(height) for x in range(width))
    columns = sum(picture[y * width + x].item() * x for y in range(height) for x in range(width))
    return rows / total, columns / total


def moved_map(columns: torch.Tensor, grid: Grid, placement: Placement, centre: tuple[float, float]) -> torch.Tensor:
    """Every place shows what stood where it came from, bilinear between places, zero from outside.

    Args:
        columns: (heads, queries, tokens).
        centre: (row, column) that a resize leaves where it is before the shift.
    """
    height, width = grid
    result = torch.zeros_like(columns)
    for y in range(height):
        for x in range(width):
            row = (y - placement.offset_y * height - centre[0]) / placement.scale + centre[0]
            column = (x - placement.offset_x * width - centre[1]) / placement.scale + centre[1]
            for near_row in (math.floor(row), math.floor(row) + 1):
                for near_column in (math.floor(column), math.floor(column) + 1):
                    if 0 <= near_row < height and 0 <= near_column < width:
                        part = (1 - abs(row - near_row)) * (1 - abs(column - near_column))
                        result[:, y * width + x] += part * columns[:, near_row * width + near_column]
    return result


def edited_cross_maps(
    q: torch.Tensor, k: torch.Tensor, edits: Sequence[Edit], progress: float, grid: Grid
) -> list[torch.Tensor]:
    """The map of every row, (heads, queries, tokens of its prompt), the targets' after their edits.

    Args:
        q: (rows, heads, queries, channels).
        k: (rows, heads, tokens, channels); where a prompt's tokens are repeated, the copies' attention is summed.
        grid: (height, width) of the queries.
    """
    maps = attention_map(q, k)
    source_map = _sum_copies(maps[0], edits[0].source.token_count)
    return [
        source_map,
        *(
            edited_map(source_map, _sum_copies(target_map, edit.target.token_count), edit, progress, grid)
            for target_map, edit in zip(maps[1:], edits, strict=True)
        ),
    ]


def cross_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, edits: Sequence[Edit], progress: float, grid: Grid
) -> torch.Tensor:
    """Edited maps times values: (rows, heads, queries, channels)."""
    maps = edited_cross_maps(q, k, edits, progress, grid)
    outputs = [
        einsum(row_map, row_values[:, : row_map.shape[-1]].float(), "h q t, h t c -> h q c")
        for row_map, row_values in zip(maps, v, strict=True)
    ]
    return torch.stack(outputs)


def self_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, edits: Sequence[Edit], progress: float
) -> torch.Tensor:
    """Self-attention of a target inside its window: by the source's map, or on the source's keys and values.

    All (rows, heads, queries, channels).
    """
    maps, values = list(attention_map(q, k)), list(v.float())
    for row, edit in enumerate(edits, start=1):
        if edit.self_window is None or not edit.self_window.contains(progress):
            continue
        if edit.self_mode == "inject":
            maps[row] = maps[0]
        else:
            maps[row], values[row] = attention_map(q[row], k[0]), values[0]
    return einsum(torch.stack(maps), torch.stack(values), "r h q t, r h t c -> r h q c")


def local_blend(
    latents: torch.Tensor,
    maps: Sequence[torch.Tensor],
    positions: Sequence[Sequence[int]],
    grid: tuple[int, int],
    threshold: float = 0.3,
) -> torch.Tensor:
    """Hertz et al. 2022, section 4 (``LocalBlend``): outside the words' masks, the target becomes the source.

    Args:
        latents: (rows, channels, height, width), row 0 the source.
        maps: per row (maps, queries, tokens), the edited maps of all layers and heads, summed over the steps so far.
        positions: per row, the tokens of the words that may change.
        grid: (height, width) of the queries.
        threshold: the part of a map's largest value from which on a place belongs to the word.

    Returns:
        (rows, channels, height, width).
    """
    height, width = grid
    masks = []
    for row_maps, row_positions in zip(maps, positions, strict=True):
        word_map = reduce(row_maps[..., list(row_positions)], "maps q t -> maps q", "sum")
        picture = rearrange(reduce(word_map, "maps q -> q", "mean"), "(h w) -> 1 1 h w", h=height, w=width)
        picture = F.interpolate(F.max_pool2d(picture, 3, stride=1, padding=1), size=latents.shape[-2:])
        masks.append(picture[0] / picture.max() > threshold)
    source = latents[0]
    return torch.stack(
        [source + (masks[0] | mask) * (latent - source) for latent, mask in zip(latents, masks, strict=True)]
    )


def _sum_copies(row_map: torch.Tensor, tokens: int) -> torch.Tensor:
    return reduce(row_map, "... (copies t) -> ... t", "sum", t=tokens)
