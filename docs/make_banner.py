"""Makes the icon and the banner that the registry shows, from pictures of the embedded model.

.venv/bin/python docs/make_banner.py
"""

import argparse

import real_runs
from drawing import PAPER, arrow, enlarged, font
from pictures_of_edits import BEAR, CAT, DOG, pair
from PIL import Image, ImageDraw

FOLDER = real_runs.ROOT / "docs"
ICON = 400
BANNER = (1260, 540)  # 21:9
GROUND, WORD = "#12263a", "#8fd0ff"


def icon(source: Image.Image, edited: Image.Image) -> Image.Image:
    """The source above the diagonal, the edit below it."""
    below = Image.new("L", (ICON, ICON), 0)
    ImageDraw.Draw(below).polygon([(ICON, 0), (ICON, ICON), (0, ICON)], fill=255)
    paper = Image.composite(enlarged(edited, ICON), enlarged(source, ICON), below)
    draw = ImageDraw.Draw(paper)
    draw.line([(ICON, 0), (0, ICON)], fill=PAPER, width=14)
    draw.rectangle((0, 0, ICON - 1, ICON - 1), outline=GROUND, width=12)
    return paper


def banner(pictures: list[Image.Image]) -> Image.Image:
    """The name, and one picture with two words swapped."""
    width = BANNER[0]
    paper = Image.new("RGB", BANNER, GROUND)
    draw = ImageDraw.Draw(paper)
    draw.text((width // 2, 42), "Prompt-to-Prompt", fill=PAPER, font=font(78), anchor="ma")
    side, gap, top = 288, 72, 150
    left = (width - 3 * side - 2 * gap) // 2
    for number, (picture, word) in enumerate(zip(pictures, ("cat", "dog", "teddy bear"), strict=True)):
        x = left + number * (side + gap)
        draw.rounded_rectangle((x - 6, top - 6, x + side + 5, top + side + 5), radius=10, fill=PAPER)
        paper.paste(enlarged(picture, side), (x, top))
        _prompt(draw, x + side // 2, top + side + 18, word)
        if number:
            middle = top + side // 2
            arrow(draw, (x - gap + 14, middle), (x - 14, middle), WORD)
    return paper


def _prompt(draw: ImageDraw.ImageDraw, middle: int, top: int, word: str) -> None:
    letters = font(30)
    left = middle - letters.getlength(f"a {word} on grass") / 2
    for text, colour in (("a ", PAPER), (word, WORD), (" on grass", PAPER)):
        draw.text((left, top), text, fill=colour, font=letters, anchor="la")
        left += letters.getlength(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    real_runs.comfyui_argument(parser)
    runs = real_runs.started(parser.parse_args().comfyui)
    source, dog, bear = pair(runs, runs.combine(runs.replace(CAT, DOG), runs.replace(CAT, BEAR)))
    icon(source, dog).save(FOLDER / "icon.png", optimize=True)
    banner([source, dog, bear]).save(FOLDER / "banner.png", optimize=True)


if __name__ == "__main__":
    main()
