"""Contact sheets: a row per seed; source, target without Prompt-to-Prompt and target with it, side by side."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from PIL import Image, ImageDraw, ImageFont

MARGIN = 12
LABEL_WIDTH = 116
CELL_LIMITS = (192, 384)
PAPER, INK, GREY = "white", "black", "#666666"


@dataclass(frozen=True)
class Column:
    """One arm: what it is, its prompt, and a picture per row."""

    title: str
    prompt: str
    pictures: Sequence[numpy.ndarray]


def contact_sheet(columns: Sequence[Column], row_labels: Sequence[str]) -> Image.Image:
    """Return the sheet. Pictures are (h, w, 3) of bytes."""
    cell = _cell_size(columns[0].pictures[0])
    headings = [_wrapped(column, cell[0]) for column in columns]
    header = max(_height(heading) for heading in headings) + 2 * MARGIN
    width = LABEL_WIDTH + len(columns) * (cell[0] + MARGIN)
    height = header + len(row_labels) * (cell[1] + MARGIN)
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (column, heading) in enumerate(zip(columns, headings, strict=True)):
        left = LABEL_WIDTH + index * (cell[0] + MARGIN)
        _write_heading(draw, (left, MARGIN), heading)
        for row, picture in enumerate(column.pictures):
            image = Image.fromarray(picture).resize(cell, Image.Resampling.BICUBIC)
            sheet.paste(image, (left, header + row * (cell[1] + MARGIN)))
    for row, label in enumerate(row_labels):
        top = header + row * (cell[1] + MARGIN) + cell[1] // 2
        draw.text((MARGIN, top), label, fill=GREY, font=_font(15), anchor="lm")
    return sheet


def _cell_size(picture: numpy.ndarray) -> tuple[int, int]:
    """Return the width and height of a picture on the sheet: small ones enlarged, large ones reduced."""
    height, width = picture.shape[:2]
    scale = min(max(width, CELL_LIMITS[0]), CELL_LIMITS[1]) / width
    return round(width * scale), round(height * scale)


def _wrapped(column: Column, width: int) -> list[tuple[str, int, str]]:
    """Return the lines of a heading, each with its size and colour."""
    lines = [(line, 16, INK) for line in _fit(column.title, 16, width)]
    return lines + [(line, 14, GREY) for line in _fit(f"“{column.prompt}”", 14, width)]


def _fit(text: str, size: int, width: int) -> list[str]:
    """Break a text into lines that fit."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _font(size).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _height(heading: list[tuple[str, int, str]]) -> int:
    return sum(size + 4 for _, size, _ in heading)


def _write_heading(draw: ImageDraw.ImageDraw, place: tuple[int, int], heading: list[tuple[str, int, str]]) -> None:
    left, top = place
    for text, size, colour in heading:
        draw.text((left, top), text, fill=colour, font=_font(size))
        top += size + 4


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
