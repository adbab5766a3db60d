"""What the viewer of P2P Attention Maps gets: pictures, one atlas of grey maps, and what the maps are of.

The browser makes the colours, so that pointing at a word asks nothing of the server.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..p2p_core.attention_atlas import Atlas, atlas, spread, tile_size
from ..p2p_core.attention_store import AttentionRecord, AttentionStore
from ..p2p_core.attention_words import MEAN, Column, WordMap, word_columns
from ._host.temp_files import temp_picture

_MOST_PIXELS = 2**23  # of an atlas: a browser needs four bytes for each while it reads them
_MOST_TILES = 2**14
_LONGEST_LABEL, _LONGEST_PROMPT = 120, 5000  # characters


@dataclass(frozen=True)
class Shown:
    """What the node was asked to show, which the viewer starts with."""

    words: tuple[str, ...]
    step: int
    refine: int
    scale: str
    opacity: float


@dataclass(frozen=True, eq=False)
class _Frames:
    """The words of every picture: in the mean, and in those of the kept steps that the atlas has room for.

    Attributes:
        steps: of the frames after the first, which is the mean.
        columns: per frame the words.
        places: (row, column) of every word of every picture, in the order of the atlas: each with its frames.
    """

    steps: tuple[int, ...]
    columns: tuple[Sequence[Column], ...]
    places: tuple[tuple[int, int], ...]

    def word(self, row: int, column: int, frame: int = 0) -> WordMap | None:
        return self.columns[frame][column][row]

    def maps(self) -> list[torch.Tensor | None]:
        words = (self.word(*place, frame) for place in self.places for frame in range(len(self.columns)))
        return [None if word is None else word.attention for word in words]


def viewer_ui(store: AttentionStore, pictures: torch.Tensor, shown: Shown) -> dict[str, list]:
    """The ``ui`` of the node: ``p2p_viewer`` with one entry, of what JSON can hold.

    Args:
        store: a filled store.
        pictures: (rows of the batch, height, width, 3) in 0..1.

    Raises:
        P2PError: the temp folder cannot be written.
    """
    record = store.recorded()
    mean = word_columns(store, shown.words, MEAN, shown.refine)
    kept = len(record.progress) if store.request.keep_steps else 0
    frames = _frames(store, mean, kept, shown)
    maps = atlas(frames.maps(), _MOST_PIXELS)
    view = {
        "maps": _for_browser(maps),
        "frames": [{"step": MEAN}, *({"step": step, "progress": record.progress[step]} for step in frames.steps)],
        "steps_kept": kept,
        "words_left_out": len(mean) - len(frames.columns[0]),
        "frame": _nearest_frame(frames.steps, shown.step),
        "scale": shown.scale,
        "opacity": shown.opacity,
        **_masks(record, len(pictures)),
        "rows": [_row(record, frames, maps, row, picture) for row, picture in enumerate(pictures)],
    }
    return {"p2p_viewer": [view]}


def _frames(store: AttentionStore, mean: Sequence[Column], kept: int, shown: Shown) -> _Frames:
    """As many words, then as many steps, as the atlas has room for."""
    seen = mean[: max(_MOST_TILES // max(len(mean[0]), 1), 1)] if mean else mean
    places = tuple((row, place) for row in range(len(seen[0]) if seen else 0) for place in range(len(seen)))
    places = tuple((row, place) for row, place in places if seen[place][row] is not None)
    height, width = tile_size([word.attention for column in seen for word in column if word is not None])
    most = min(_MOST_PIXELS // max(len(places) * height * width, 1), _MOST_TILES // max(len(places), 1))
    steps = spread(kept, max(most - 1, 0))
    later = (word_columns(store, shown.words, step, shown.refine)[: len(seen)] for step in steps)
    return _Frames(steps, (seen, *later), places)


def _nearest_frame(steps: Sequence[int], step: int) -> int:
    """The frame that the viewer shows first: the node's step, or the nearest that the atlas has."""
    if step == MEAN or not steps:
        return 0
    return 1 + min(range(len(steps)), key=lambda place: abs(steps[place] - step))


def _row(record: AttentionRecord, frames: _Frames, maps: Atlas, row: int, picture: torch.Tensor) -> dict:
    of_row = [maps_of_prompt for maps_of_prompt in record.rows if maps_of_prompt.row == row]
    prompts = list(dict.fromkeys((one.side, one.prompt) for one in of_row))
    return {
        "role": next((one.role for one in of_row), ""),
        "picture": temp_picture((picture.clamp(0, 1) * 255).round().to(torch.uint8)),
        "prompts": [{"side": side, "text": text[:_LONGEST_PROMPT]} for side, text in prompts],
        "words": [
            _word(frames, maps, number, prompts) for number, place in enumerate(frames.places) if place[0] == row
        ],
    }


def _word(frames: _Frames, maps: Atlas, number: int, prompts: Sequence[tuple[str, str]]) -> dict:
    """One word of one picture. ``column`` tells what took its place in the other pictures; ``tile`` is its first."""
    row, column = frames.places[number]
    word = frames.word(row, column)
    assert word is not None
    count = len(frames.columns)
    tile = number * count
    return {
        "label": word.label[:_LONGEST_LABEL],
        "column": column,
        "prompt": prompts.index((word.side, word.prompt)),
        "tile": tile,
        "largest": [
            None if frames.word(row, column, frame) is None else _short(maps.largest[tile + frame])
            for frame in range(count)
        ],
    }


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _masks(record: AttentionRecord, rows: int) -> dict:
    """``blend_masks``: their atlas, and ``mask_tiles``: per picture its tile."""
    masks = (*record.blend_masks, *(None,) * rows)[:rows]
    there = [row for row, mask in enumerate(masks) if mask is not None]
    return {
        "blend_masks": _for_browser(atlas([masks[row] for row in there], _MOST_PIXELS)) if there else None,
        "mask_tiles": [there.index(row) if row in there else None for row in range(rows)],
    }


def _for_browser(made: Atlas) -> dict:
    height, width = made.tile
    tile = {"width": width, "height": height, "across": made.across}
    return {"picture": temp_picture(made.pixels), "tile": tile}
