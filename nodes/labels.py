"""Text on pictures, with the font that Pillow brings. Pictures are (height, width, 3) float32 in 0..1."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

_BACKGROUND, _INK, _FAINT_INK = (24, 24, 27), (245, 245, 245), (161, 161, 170)
_SMALLEST_FONT = 9
_LINE = 1.5  # height of a line in font sizes
_ELLIPSIS = "…"
_LONGEST_TEXT = 200  # characters


@dataclass(frozen=True)
class Entry:
    """One line of a legend: a colour in 0..1 and what it stands for."""

    colour: tuple[float, float, float]
    text: str


def font_size_for(width: int, height: int) -> int:
    """A size that is read easily on a picture of these pixels."""
    return min(max(min(width, height) // 16, 12), 32)


def line_height(font_size: int) -> int:
    return round(font_size * _LINE)


def strip(width: int, font_size: int, text: str, note: str = "") -> torch.Tensor:
    """A line of text (line height, width, 3) on a dark ground, a fainter note at its right where there is room."""
    image = Image.new("RGB", (width, line_height(font_size)), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    margin = font_size // 3
    room = width - 2 * margin
    note_font = _font(max(round(font_size * 0.85), _SMALLEST_FONT))
    note_width = note_font.getlength(note) + margin if note else 0
    if note and _fitting(text, font_size, room - note_width)[1] == _one_line(text):
        room -= note_width
        draw.text((width - margin, image.height / 2), note, _FAINT_INK, note_font, anchor="rm")
    font, shown = _fitting(text, font_size, room)
    draw.text((margin, image.height / 2), shown, _INK, font, anchor="lm")
    return _tensor(image)


def with_corner_label(picture: torch.Tensor, font_size: int, text: str) -> torch.Tensor:
    """The picture with a line of text on a dark ground in its upper left corner."""
    height, width = picture.shape[:2]
    margin = font_size // 3
    font, shown = _fitting(text, font_size, width - 2 * margin)
    label = strip(min(width, round(font.getlength(shown)) + 2 * margin + 2), font_size, shown)[:height]
    labelled = picture.clone()
    labelled[: label.shape[0], : label.shape[1]] = label
    return labelled


def legend_height(width: int, font_size: int, entries: Sequence[Entry]) -> int:
    return line_height(font_size) * max(len(_lines(width, font_size, entries)), 1)


def legend(width: int, height: int, font_size: int, entries: Sequence[Entry]) -> torch.Tensor:
    """Colours and what they stand for, in as many lines as it takes: (height, width, 3)."""
    image = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    line = line_height(font_size)
    for number, entries_of_line in enumerate(_lines(width, font_size, entries)):
        middle = line * number + line / 2
        for left, entry in entries_of_line:
            right = left + font_size * 0.8
            fill = tuple(round(255 * channel) for channel in entry.colour)
            draw.rectangle((left, middle - font_size * 0.4, right, middle + font_size * 0.4), fill=fill)
            font, shown = _fitting(entry.text, font_size, width - right - font_size)
            draw.text((right + font_size * 0.4, middle), shown, _INK, font, anchor="lm")
    return _tensor(image)


def _lines(width: int, font_size: int, entries: Sequence[Entry]) -> list[list[tuple[float, Entry]]]:
    """The entries in lines, each with its left edge."""
    lines: list[list[tuple[float, Entry]]] = []
    margin = font_size / 2
    left = float(width)
    for entry in entries:
        needed = font_size * 1.2 + _font(font_size).getlength(_one_line(entry.text)) + margin
        if left + needed > width or not lines:
            lines.append([])
            left = margin
        lines[-1].append((left, entry))
        left += needed + margin
    return lines


def _fitting(text: str, font_size: int, room: float) -> tuple[ImageFont.FreeTypeFont, str]:
    """The largest font down to the smallest readable one in which the text fits; then its end is cut off."""
    text = _one_line(text)
    for size in range(font_size, _SMALLEST_FONT - 1, -1):
        if _font(size).getlength(text) <= room:
            return _font(size), text
    font = _font(min(font_size, _SMALLEST_FONT))
    kept = text
    while kept and font.getlength(kept + _ELLIPSIS) > room:
        kept = kept[:-1]
    return font, kept + _ELLIPSIS


def _one_line(text: str) -> str:
    """What Pillow can draw in one line: no line breaks, no half characters, no novel."""
    return " ".join(text[:_LONGEST_TEXT].encode(errors="replace").decode().split())


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image).astype(np.float32) / 255)
