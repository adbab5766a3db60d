"""Heat maps of words laid out for the eye: a contact sheet, one word over each picture, or all words in hues."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn.functional import interpolate

from ..p2p_core.attention_pictures import heat_map, hue_map, hues, mask_of
from ..p2p_core.attention_words import Column, WordMap
from ..p2p_core.errors import P2PError
from ..p2p_core.wording import counted
from .labels import Entry, font_size_for, legend, legend_height, strip, with_corner_label

_MOST_TILES_A_LINE = 8
_TILE_SIDES = (256, 512)  # of the longer side: smaller pictures are enlarged, larger ones reduced
_SMALLEST_TILE = 64
_MOST_SHEET_PIXELS = 2**25
_SMALLEST_BLEND = 384  # of the shorter side, for the legend to be read
_MOST_MASK_PIXELS = 2**30
_GROUND = 0.06
_GAP = 4


class BeforeAndAfter(NamedTuple):
    """Two maps that are compared."""

    before: WordMap
    after: WordMap


def contact_sheet(
    pictures: torch.Tensor, names: Sequence[str], columns: Sequence[Column], opacity: float, shared: bool
) -> torch.Tensor:
    """A line of tiles per picture: the picture, then its words' heat maps, each with its word and largest value.

    Long lines are broken. Where a word is not in the prompt of a picture its tile is empty.

    Args:
        pictures: (pictures, height, width, 3) in 0..1.
        names: of the pictures.
        columns: the words.
        opacity: of the heat maps.
        shared: the lightest colour is the largest value of all, else the word's own.

    Returns:
        (1, sheet height, sheet width, 3).

    Raises:
        P2PError: so many tiles that none could be seen.
    """
    tiles_per_picture = 1 + len(columns)
    lines = math.ceil(tiles_per_picture / _MOST_TILES_A_LINE)
    per_line = math.ceil(tiles_per_picture / lines)
    height, width = _tile_size(pictures, len(pictures) * lines * per_line)
    font_size = font_size_for(width, height)
    full = _largest(columns) if shared else None
    rows = []
    for number, picture in enumerate(_scaled(pictures, height, width)):
        maps = [column[number] for column in columns]
        tiles = [_with_strip(picture, font_size, names[number])]
        tiles += [_word_tile(picture, word, font_size, opacity, full) for word in maps]
        tiles += [_empty(tiles[0])] * (lines * per_line - len(tiles))
        rows += [_joined(tiles[first : first + per_line], dim=1) for first in range(0, len(tiles), per_line)]
    return _joined(rows, dim=0)[None]


def before_and_after(pairs: Sequence[BeforeAndAfter]) -> torch.Tensor:
    """A line of two heat maps per pair, whose lightest colour is the largest value of both; a dark tile for none.

    Returns:
        (1, sheet height, sheet width, 3).

    Raises:
        P2PError: so many pairs that none could be seen.
    """
    if not pairs:
        return torch.full((1, _SMALLEST_TILE, _SMALLEST_TILE, 3), _GROUND)
    ground = torch.zeros(1, *pairs[0].before.attention.shape, 3)
    ground = _scaled(ground, *_tile_size(ground, 2 * len(pairs)))
    font_size = font_size_for(ground.shape[2], ground.shape[1])
    lines = [[_word_tile(ground[0], word, font_size, 1.0, _largest([pair])) for word in pair] for pair in pairs]
    return _joined([_joined(line, dim=1) for line in lines], dim=0)[None]


def one_word(pictures: torch.Tensor, column: Column, opacity: float, shared: bool) -> torch.Tensor:
    """The heat map of one word over every picture, labelled in the corner: (pictures, height, width, 3).

    A picture whose prompt lacks the word stays as it is.
    """
    font_size = font_size_for(pictures.shape[2], pictures.shape[1])
    full = _largest([column]) if shared else None
    return torch.stack(
        [
            picture
            if word is None
            else with_corner_label(heat_map(picture, word.attention, _full(word, full), opacity), font_size, word.label)
            for picture, word in zip(pictures, column, strict=True)
        ]
    )


def blend(pictures: torch.Tensor, columns: Sequence[Column], opacity: float, shared: bool) -> torch.Tensor:
    """All words over each picture, every one in its hue, with a legend below: (pictures, height + legend, width, 3).

    Small pictures are enlarged, so that the legend can be read.
    """
    enlarged = max(math.ceil(_SMALLEST_BLEND / min(pictures.shape[1:3])), 1)
    height, width = pictures.shape[1] * enlarged, pictures.shape[2] * enlarged
    font_size = font_size_for(width, height)
    colours = hues(len(columns))
    full = _largest(columns) if shared else None
    seen = [[(place, column[number]) for place, column in enumerate(columns)] for number in range(len(pictures))]
    words = [[(place, word) for place, word in of_picture if word is not None] for of_picture in seen]
    entries = [[Entry(tuple(colours[place].tolist()), word.label) for place, word in shown] for shown in words]
    below = max(legend_height(width, font_size, of_picture) for of_picture in entries)
    blended = []
    for picture, shown, legend_entries in zip(_scaled(pictures, height, width), words, entries, strict=True):
        attentions = [word.attention for _, word in shown]
        own_colours = colours[[place for place, _ in shown]]
        mixed = hue_map(picture, attentions, [_full(word, full) for _, word in shown], own_colours, opacity)
        blended.append(torch.cat([mixed, legend(width, below, font_size, legend_entries)]))
    return torch.stack(blended)


def word_masks(columns: Sequence[Column], threshold: float, height: int, width: int) -> torch.Tensor:
    """A mask per word and picture, (words · pictures, height, width): all pictures of the first word come first.

    The mask of a picture whose prompt lacks the word is empty.

    Raises:
        P2PError: masks that together are too large to hold.
    """
    count = sum(map(len, columns))
    if count * height * width > _MOST_MASK_PIXELS:
        raise P2PError(
            f"{counted(count, 'mask')} of {width}×{height} would take {4 * count * height * width / 2**30:.0f} GiB: "
            "name the words you want to see in P2P Attention Maps."
        )
    masks = torch.zeros(count, height, width)
    for mask, word in zip(masks, (word for column in columns for word in column), strict=True):
        if word is not None:
            mask.copy_(mask_of(word.attention, threshold, height, width))
    return masks


def _tile_size(pictures: torch.Tensor, tiles: int) -> tuple[int, int]:
    height, width = pictures.shape[1:3]
    longer = max(height, width)
    side = min(max(longer, _TILE_SIDES[0]), _TILE_SIDES[1])
    largest_side = longer * math.sqrt(_MOST_SHEET_PIXELS / (tiles * height * width))
    if largest_side < min(_SMALLEST_TILE, side):
        raise P2PError(
            f"A contact sheet of {tiles} tiles is too large: name the words you want to see in P2P Attention Maps, or "
            "choose another layout."
        )
    scale = min(side, largest_side) / longer
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _scaled(pictures: torch.Tensor, height: int, width: int) -> torch.Tensor:
    if pictures.shape[1:3] == (height, width):
        return pictures
    channels_first = pictures.movedim(-1, 1)
    scaled = interpolate(channels_first, size=(height, width), mode="bilinear", antialias=True, align_corners=False)
    return scaled.movedim(1, -1)


def _word_tile(
    picture: torch.Tensor, word: WordMap | None, font_size: int, opacity: float, full: float | None
) -> torch.Tensor:
    if word is None:
        return _empty(_with_strip(picture, font_size, ""))
    heat = heat_map(picture, word.attention, _full(word, full), opacity)
    return _with_strip(heat, font_size, word.label, _percent(_full(word, None)))


def _with_strip(picture: torch.Tensor, font_size: int, text: str, note: str = "") -> torch.Tensor:
    return torch.cat([strip(picture.shape[1], font_size, text, note), picture])


def _empty(tile: torch.Tensor) -> torch.Tensor:
    return torch.full_like(tile, _GROUND)


def _joined(parts: Sequence[torch.Tensor], dim: int) -> torch.Tensor:
    """Pictures side by side (dim 1) or one below the other (dim 0), with a gap."""
    shape = list(parts[0].shape)
    shape[dim] = _GAP
    gap = torch.full(shape, _GROUND)
    return torch.cat([piece for part in parts for piece in (gap, part)][1:], dim=dim)


def _largest(columns: Sequence[Column]) -> float:
    return max((_full(word, None) for column in columns for word in column if word is not None), default=0.0)


def _full(word: WordMap, shared: float | None) -> float:
    return float(word.attention.nan_to_num().max()) if shared is None else shared


def _percent(value: float) -> str:
    return f"{value:.0%}" if value >= 0.0995 else f"{value:.1%}"
