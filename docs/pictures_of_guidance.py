"""Pictures of the node that guides attention."""

from drawing import Tile, sheet, strip
from pictures_of_edits import RED_CAR, plain
from PIL import Image
from real_runs import RealRuns, images

TWO, TWO_WORDS = "a purple car and a green star on wood", "purple car, green star"
OTHERS, OTHER_WORDS = "a red teddy bear and a purple cat on water", "red teddy bear, purple cat"
PLACES = ((0.3, 0.3), (0.7, 0.3), (0.3, 0.7), (0.7, 0.7))


def guidance(runs: RealRuns) -> Image.Image:
    """Two prompts of two objects, plain and guided."""
    rows = []
    for prompt, words in (
        (TWO, TWO_WORDS),
        ("a red teddy bear and a purple cat on water", "red teddy bear, purple cat"),
    ):
        made = images(runs.pictures(runs.guided(prompt, words)))[0]
        caption = prompt.removeprefix("a ")
        rows.append([Tile(plain(runs, prompt), caption, "the same seed alone"), Tile(made, caption, "with this node")])
    return sheet(rows)


def places(runs: RealRuns) -> Image.Image:
    """A red car sent to four places."""
    tiles = [Tile(plain(runs, RED_CAR), "a red car on grass", "scale 0")]
    for x, y in PLACES:
        made = images(runs.pictures(runs.guided(RED_CAR, "red car", objective="be here", x=x, y=y)))[0]
        tiles.append(Tile(made, f"{x:g}, {y:g}", "be here"))
    return strip(tiles)


PICTURES = {"P2PAttentionGuidance": guidance, "guidance_places": places}
