"""Pictures of what goes with the embedded model: its LoRA and its ControlNet, each in a word swap."""

from drawing import Tile, sheet, strip
from pictures_of_edits import CAT, DOG, pair
from PIL import Image, ImageDraw
from real_runs import SIDE, RealRuns, images


def lora(runs: RealRuns) -> Image.Image:
    """The source and its edit at several strengths."""
    rows: list[list[Tile]] = [[], []]
    for strength in (0.0, 0.5, 1.0, 1.5):
        model = runs.node("mini_extras", "P2PMiniLora", model=runs.model, strength=strength)[0]
        for row, name, picture in zip(
            rows, ("a cat", "a dog"), pair(runs, runs.replace(CAT, DOG), model=model), strict=True
        ):
            row.append(Tile(picture, f"{name}: strength {strength:g}"))
    return sheet(rows, most=210)


def controlnet(runs: RealRuns) -> Image.Image:
    """A control picture, and the source and its edit in its place."""
    import torchvision.transforms.functional as convert

    shape = Image.new("RGB", (SIDE, SIDE), "black")
    ImageDraw.Draw(shape).ellipse((10, 44, 66, 100), fill="white")
    latents = runs.controlled(runs.replace(CAT, DOG), convert.to_tensor(shape).movedim(0, -1)[None])
    source, edited = images(runs.pictures(latents))
    free = pair(runs, runs.replace(CAT, DOG))[0]
    tiles = [
        Tile(free, "a cat", "without it"),
        Tile(shape, "control picture", "for Apply ControlNet"),
        Tile(source, "a cat", "with this node"),
        Tile(edited, "a dog", "its edit"),
    ]
    return strip(tiles)


PICTURES = {"P2PMiniLora": lora, "P2PMiniControlNet": controlnet}
