"""Makes the result pictures of the README from the results of a demo.

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
KINDS = {  # a row each: what is done, then pairs of a caption and a picture
    "Replace": {
        "a cat": "cat_to_dog/source",
        "a dog: same seed": "cat_to_dog/plain",
        "switched at 0.3": "cat_to_dog/switching",
        "Prompt-to-Prompt": "cat_to_dog/p2p",
    },
    "Replace with\nlocal blend": {
        "a blue fish": "fish_to_sailboat/source",
        "a sailboat: same seed": "fish_to_sailboat/plain",
        "Prompt-to-Prompt": "fish_to_sailboat/p2p",
        "with local blend": "fish_to_sailboat/blend",
    },
    "Refine": {
        "a tree": "tree_add_purple/source",
        "a purple tree: same seed": "tree_add_purple/plain",
        "switched at 0.3": "tree_add_purple/switching",
        "Prompt-to-Prompt": "tree_add_purple/p2p",
    },
    "Reweight": {
        "red: -1": "red_car_at_minus_1/p2p",
        "red: 0": "red_car_at_0/p2p",
        "a red car": "red_car_at_3/source",
        "red: 3": "red_car_at_3/p2p",
    },
    "Move": {
        "a red car": "red_car_right/source",
        "right by 0.25": "red_car_right/p2p",
        "left by 0.125": "red_car_left/p2p",
        "up by 0.2": "red_car_up/p2p",
    },
    "Two targets\nin one run": {
        "a cat": "cat_to_dog_of_two/source",
        "a dog": "cat_to_dog_of_two/together",
        "a teddy bear": "cat_to_teddy_bear_of_two/together",
    },
    "Maps": {
        "a cat": "maps_cat/picture",
        "attention of cat": "maps_cat/attention",
        "a red car": "maps_red_car/picture",
        "attention of car": "maps_red_car/attention",
    },
}
CELL, GAP, LEFT, TOP = 192, 10, 180, 40
SMALL, CAPTION = 128, 20
PAPER, INK = "white", "black"


def picture(demo: Path, edit: str, arm: str, row: int, size: int) -> Image.Image:
    """One picture of an edit in this size."""
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
            sheet.paste(picture(demo, edit, arm, row, CELL), (LEFT + column * (CELL + GAP), top))
    for column, edit in enumerate(EDITS):
        words = edit.replace("_", " ")
        middle = LEFT + column * (CELL + GAP) + CELL // 2
        draw.text((middle, TOP // 2), words, fill=INK, font=font, anchor="mm")
    return sheet


def kinds(demo: Path, row: int) -> Image.Image:
    """A row of pictures for every kind of edit, each with its caption below."""
    left_of_pictures, step = 140, SMALL + CAPTION + GAP
    columns = max(len(cells) for cells in KINDS.values())
    size = (left_of_pictures + columns * (SMALL + GAP), GAP + len(KINDS) * step)
    sheet = Image.new("RGB", size, PAPER)
    draw, large, small = ImageDraw.Draw(sheet), ImageFont.load_default(17), ImageFont.load_default(11)
    for number, (title, cells) in enumerate(KINDS.items()):
        top = GAP + number * step
        draw.text((GAP, top + SMALL // 2), title, fill=INK, font=large, anchor="lm")
        for column, (caption, name) in enumerate(cells.items()):
            left = left_of_pictures + column * (SMALL + GAP)
            sheet.paste(picture(demo, *name.split("/"), row=row, size=SMALL), (left, top))
            draw.text((left + SMALL // 2, top + SMALL + 3), caption, fill=INK, font=small, anchor="mt")
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
    kinds(options.demo, options.row).save(ROOT / "docs" / "edits.png", optimize=True)


if __name__ == "__main__":
    main()
