"""Makes the result picture of the README from the results of a demo.

python3 dev.py demo
.venv/bin/python docs/make_pictures.py output/demo
"""

import argparse
import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
EDITS = ("cat_to_dog", "fish_to_sailboat", "dog_to_teddy_bear", "car_red_to_blue", "dog_grass_to_snow")
ARMS = {"source": "source", "plain": "new prompt,\nsame seed", "p2p": "new prompt,\nsame seed,\nPrompt-to-Prompt"}
CELL, GAP, LEFT, TOP = 192, 10, 180, 40
PAPER, INK = "white", "black"


def picture(demo: Path, edit: str, row: int, arm: str, size: int) -> Image.Image:
    """One picture of an edit, enlarged."""
    with Image.open(demo / edit / f"{row:02}_{arm}.png") as image:
        return image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)


def results(demo: Path, row: int) -> Image.Image:
    """Edits from left to right; from top to bottom the source, and the new prompt without and with the edit."""
    size = (LEFT + len(EDITS) * (CELL + GAP), TOP + len(ARMS) * (CELL + GAP))
    sheet = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(19)
    for number, (arm, title) in enumerate(ARMS.items()):
        top = TOP + number * (CELL + GAP)
        draw.text((GAP, top + CELL // 2), title, fill=INK, font=font, anchor="lm")
        for column, edit in enumerate(EDITS):
            sheet.paste(picture(demo, edit, row, arm, CELL), (LEFT + column * (CELL + GAP), top))
    for column, edit in enumerate(EDITS):
        words = edit.replace("_", " ")
        middle = LEFT + column * (CELL + GAP) + CELL // 2
        draw.text((middle, TOP // 2), words, fill=INK, font=font, anchor="mm")
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="the folder that dev.py demo wrote")
    parser.add_argument("--row", type=int, default=1, help="which picture of every edit (default: the first)")
    options = parser.parse_args()
    model = json.loads((options.demo / "report.json").read_text(encoding="utf-8"))["model"]
    if model != "mini SDXL":
        raise SystemExit(f"{options.demo} has pictures of {model}: run dev.py demo without --checkpoint.")
    results(options.demo, options.row).save(ROOT / "docs" / "word_swap.png", optimize=True)


if __name__ == "__main__":
    main()
