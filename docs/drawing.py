"""Pictures in rows with captions, and what else the documentation's pictures are drawn of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, GAP = 900, 8
PAPER, INK, QUIET, LINE = "white", "#111111", "#5a5a5a", "#b8b8b8"
ACCENT, OTHER = "#0b62a8", "#b3470f"
CAPTION = 18


@dataclass(frozen=True)
class Tile:
    """A picture, or none, with a caption above it; ``note`` is a second, quieter line; a marked one has a frame."""

    picture: Image.Image | None
    caption: str
    note: str = ""
    is_marked: bool = False


def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own typeface."""
    return ImageFont.load_default(size)


def strip(tiles: Sequence[Tile], title: str = "", most: int = 300, width: int = WIDTH) -> Image.Image:
    """One row of tiles."""
    return sheet([tiles], title, most, width)


def sheet(rows: Sequence[Sequence[Tile]], title: str = "", most: int = 300, width: int = WIDTH) -> Image.Image:
    """Rows of tiles of one size, as wide as they can be and at most ``most``, in the middle of the sheet."""
    columns = max(map(len, rows))
    cell = min((width - GAP * (columns + 1)) // columns, most)
    size = fitting([text for row in rows for tile in row for text in (tile.caption, tile.note)], cell, CAPTION)
    line = round(size * 1.4)
    captions = 2 + line * (2 if any(tile.note for row in rows for tile in row) else 1)
    head = CAPTION + 16 if title else 0
    height = head + len(rows) * (captions + cell + GAP) + GAP // 2
    paper = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(paper)
    if title:
        draw.text((width // 2, GAP), title, fill=INK, font=font(fitting([title], width - 20, CAPTION + 2)), anchor="mt")
    left = (width - columns * cell - (columns - 1) * GAP) // 2
    for number, row in enumerate(rows):
        top = head + number * (captions + cell + GAP)
        for column, tile in enumerate(row):
            x = left + column * (cell + GAP)
            draw.text((x + cell // 2, top), tile.caption, fill=INK, font=font(size), anchor="ma")
            draw.text((x + cell // 2, top + line), tile.note, fill=QUIET, font=font(size - 1), anchor="ma")
            if tile.picture is not None:
                paper.paste(enlarged(tile.picture, cell), (x, top + captions))
                frame = {"outline": OTHER, "width": 4} if tile.is_marked else {"outline": LINE, "width": 1}
                draw.rectangle((x, top + captions, x + cell - 1, top + captions + cell - 1), **frame)
    return paper


def enlarged(picture: Image.Image, side: int) -> Image.Image:
    """The picture in a square of this side; what is not square gets a margin."""
    scale = side / max(picture.size)
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    scaled = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    square = Image.new("RGB", (side, side), PAPER)
    square.paste(scaled, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def fitting(texts: Sequence[str], width: int, size: int) -> int:
    """The largest size of letters, at most this, in which every text fits into the width."""
    while size > 11 and any(font(size).getlength(text) > width for text in texts):
        size -= 1
    return size


def of_mask(mask) -> Image.Image:
    """A mask (height, width) in 0..1: black and white, in squares."""
    picture = Image.fromarray((mask.float().clamp(0, 1) * 255).byte().numpy())
    return picture.resize((256, 256), Image.Resampling.NEAREST).convert("RGB")


def arrow(draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], colour: str = QUIET) -> None:
    """A line with a head at its end."""
    (x, y), (to_x, to_y) = start, end
    length = max(((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5, 1.0)
    along, across = ((to_x - x) / length, (to_y - y) / length), ((y - to_y) / length, (to_x - x) / length)
    base = (to_x - 10 * along[0], to_y - 10 * along[1])
    draw.line([start, base], fill=colour, width=3)
    wings = [(base[0] + side * 6 * across[0], base[1] + side * 6 * across[1]) for side in (1, -1)]
    draw.polygon([end, *wings], fill=colour)


def box(
    draw: ImageDraw.ImageDraw, where: tuple[float, float, float, float], text: str, size: int, fill: str, ink: str = INK
) -> None:
    """A rounded box with a text in its middle; line breaks are kept."""
    draw.rounded_rectangle(where, radius=8, fill=fill, outline=LINE, width=1)
    middle = (where[0] + where[2]) / 2, (where[1] + where[3]) / 2
    draw.multiline_text(middle, text, fill=ink, font=font(size), anchor="mm", align="center", spacing=4)


def save(picture: Image.Image, path: Path, kilobytes: int) -> None:
    """A JPEG of at most this size, as good as that allows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in (92, 88, 84, 80, 75, 70, 60):
        picture.convert("RGB").save(path, quality=quality, optimize=True, subsampling=0 if quality > 80 else 2)
        if path.stat().st_size <= kilobytes * 1000:
            return
    raise SystemExit(f"{path.name} does not fit into {kilobytes} KB.")
