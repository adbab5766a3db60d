"""Adjustments on mean maps that were made, to show what they do: the same data as ``adjusted_operators`` uses."""

from collections.abc import Sequence

import torch
from einops import einsum, rearrange, reduce

from .adjusted_record import RecordedPrompt
from .adjustment import AdjustedMaps
from .drawn_maps import PlacedMask
from .placement import Grid, centre_of, place, places_of


def columns_of_words(prompt: RecordedPrompt, maps: torch.Tensor) -> torch.Tensor:
    """A map per token of the maps of a prompt's words, which are the sums over their tokens.

    Adjustments treat the tokens of a word alike, so that an even share of each gives the right sums.

    Args:
        maps: (pictures, words, height, width), of the words that are no punctuation.

    Returns:
        (pictures, height·width, tokens) float32.
    """
    words = [word for word in prompt.words if not word.is_punctuation]
    columns = torch.zeros(maps.shape[0], maps.shape[2] * maps.shape[3], prompt.token_count)
    for number, word in enumerate(words):
        share = rearrange(maps[:, number].float(), "r h w -> r (h w) 1") / len(word.positions)
        columns[:, :, list(word.positions)] = share
    return columns


def adjusted_columns(columns: torch.Tensor, maps: AdjustedMaps, grid: Grid) -> torch.Tensor:
    """A' of A: (pictures, height·width, tokens) → the same."""
    result = torch.zeros_like(columns)
    for placement, part in maps.placed.items():
        put = columns @ part
        if not placement.is_identity:
            where = reduce(columns @ part.abs(), "r q t -> r q", "sum")
            put = place(put, places_of(grid, placement, centre_of(where, grid)))
        result += put
    for drawn in maps.drawn:
        result += einsum(PlacedMask(drawn.mask, drawn.placement).on(grid), drawn.parts, "q, t -> q t")
    return result


def picture_of(columns: torch.Tensor, positions: Sequence[int], grid: Grid) -> torch.Tensor:
    """The map of some tokens: (pictures, height·width, tokens) → (pictures, height, width)."""
    return rearrange(columns[..., list(positions)].sum(-1), "r (h w) -> r h w", h=grid[0])
