"""Pictures of the nodes that edit, and strips of what their inputs do.

One source is used wherever it can be, so that pictures of several pages can be compared. Always the first picture of
the templates' seed: none is picked. Which edit shows an
input well was chosen after looking at several.
"""

from collections.abc import Sequence

from drawing import Tile, of_mask, sheet, strip
from PIL import Image
from real_runs import STEPS, RealRuns, images

CAT, DOG, BEAR = "a photo of a cat on grass", "a photo of a dog on grass", "a photo of a teddy bear on grass"
TREE, PURPLE_TREE = "a photo of a tree on snow", "a photo of a purple tree on snow"
FISH, SAILBOAT = "a photo of a blue fish on water", "a photo of a blue sailboat on water"
# Swaps of shapes that differ much, so that the windows show: on a cat and a dog they hardly do.
LARGE_EDITS = (
    (TREE, "a photo of a toadstool on snow"),
    ("a photo of a red apple on wood", "a photo of a red car on wood"),
)
RED_CAR = "a photo of a red car on grass"
ENDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)


def pair(runs: RealRuns, controller, **sampling) -> Sequence[Image.Image]:
    """The source, then the targets."""
    return images(runs.pictures(runs.edited(controller, **sampling)))


def plain(runs: RealRuns, prompt: str) -> Image.Image:
    """A prompt without an edit."""
    return images(runs.pictures(runs.plain(prompt)))[0]


def compared(runs: RealRuns, controller, target: str, captions: Sequence[str]) -> Image.Image:
    """The source, the new prompt alone, and the edit."""
    source, edited = pair(runs, controller)
    notes = ("the source", "the same seed alone", "with this node")
    pictures = (source, plain(runs, target), edited)
    return strip([Tile(*parts) for parts in zip(pictures, captions, notes, strict=True)], most=260)


def replace(runs: RealRuns) -> Image.Image:
    return compared(runs, runs.replace(CAT, DOG), DOG, ("a cat on grass", "a dog on grass", "a dog on grass"))


def refine(runs: RealRuns) -> Image.Image:
    words = ("a tree on snow", "a purple tree on snow", "a purple tree on snow")
    return compared(runs, runs.refine(TREE, PURPLE_TREE), PURPLE_TREE, words)


def scale_tiles(runs: RealRuns, scales: Sequence[float]) -> list[Tile]:
    """A red car at several scales of its colour."""
    return [Tile(pair(runs, runs.reweight(RED_CAR, f"red: {scale:g}"))[1], f"red: {scale:g}") for scale in scales]


def reweight(runs: RealRuns) -> Image.Image:
    source = Tile(plain(runs, RED_CAR), "a red car on grass", "the source")
    tiles = [source, *(Tile(tile.picture, tile.caption, "with this node") for tile in scale_tiles(runs, (0, 2)))]
    return strip(tiles, most=260)


def scales(runs: RealRuns) -> Image.Image:
    return strip(scale_tiles(runs, (-1, 0, 0.5, 1, 1.5, 2, 3)), "a red car on grass; 1 changes nothing")


def moved(runs: RealRuns, **where) -> Image.Image:
    """A red car elsewhere."""
    return pair(runs, runs.move(RED_CAR, "red car", **where))[1]


def move(runs: RealRuns) -> Image.Image:
    tiles = [
        Tile(plain(runs, RED_CAR), "a red car on grass", "the source"),
        Tile(moved(runs, offset_x=0.25), "offset_x 0.25", "to the right"),
        Tile(moved(runs, offset_y=-0.2), "offset_y -0.2", "up"),
        Tile(moved(runs, scale=0.6), "scale 0.6", "smaller"),
    ]
    return strip(tiles)


def offset(runs: RealRuns) -> Image.Image:
    tiles = [Tile(moved(runs, offset_x=x), f"{x:g}") for x in (-0.4, -0.2, -0.1, 0.0, 0.1, 0.2, 0.4)]
    return strip(tiles, "offset_x of red car")


def move_window(runs: RealRuns) -> Image.Image:
    tiles = [Tile(moved(runs, offset_x=0.25, end=end), f"end {end:g}") for end in (0.1, 0.2, 0.3, 0.5, 0.8, 1.0)]
    return strip(tiles, "red car to the right by 0.25; start 0")


def windows_cross(runs: RealRuns) -> Image.Image:
    rows = [by_setting(runs, edit, "cross_end", ENDS, self_end=0.0) for edit in LARGE_EDITS]
    return sheet(rows, "cross_end, at self_end 0: a tree to a toadstool, an apple to a car")


def windows_self(runs: RealRuns) -> Image.Image:
    rows = [by_setting(runs, edit, "self_end", ENDS, cross_end=0.2, self_grids="all") for edit in LARGE_EDITS]
    return sheet(rows, "self_end, at cross_end 0.2 and self_grids all: a tree to a toadstool, an apple to a car")


def word_windows(runs: RealRuns) -> Image.Image:
    """Only the swapped word is freed; all others keep the source's attention to the end."""
    rows = []
    for edit, word in zip(LARGE_EDITS, ("toadstool", "car"), strict=True):
        windows = [f"{word}: 0-{end:g}" for end in ENDS]
        rows.append(by_setting(runs, edit, "word_windows", windows, cross_end=1.0, self_end=0.0))
    return sheet(rows, "word_windows, at cross_end 1 for all other words")


def by_setting(runs: RealRuns, edit: tuple[str, str], name: str, values: Sequence, **others) -> list[Tile]:
    """The source, then the edit with one input at several values."""
    made = [pair(runs, runs.replace(*edit, **{name: value}, **others)) for value in values]
    captions = [value if isinstance(value, str) else f"{name} {value:g}" for value in values]
    edits = [Tile(pictures[1], caption) for pictures, caption in zip(made, captions, strict=True)]
    return [Tile(made[0][0], "source"), *edits]


def self_attention(runs: RealRuns) -> Image.Image:
    """Each way with a long window on all grids, where they differ most."""
    windows = {"inject": (0.0, 0.8), "mutual": (0.1, 1.0), "off": (0.0, 0.0)}
    tiles = []
    for way, (start, end) in windows.items():
        settings = {"self_attention": way, "self_start": start, "self_end": end, "self_grids": "all"}
        source, edited = pair(runs, runs.replace(CAT, BEAR, **settings))
        tiles.append(Tile(edited, f"self_attention {way}", f"self window {start:g} to {end:g}" if end else ""))
    return strip([Tile(source, "source"), *tiles], "a cat to a teddy bear; self_grids all")


def self_grids(runs: RealRuns) -> Image.Image:
    edit, grids = (CAT, BEAR), ("coarse", "medium", "all")
    tiles = by_setting(runs, edit, "self_grids", grids, self_end=0.8)
    return strip(tiles, "self_grids, at self_attention inject and self_end 0.8: a cat to a teddy bear")


def blended(runs: RealRuns, **settings) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Source, edit, and where the two latents differ: the mask of the last step."""
    latents = runs.edited(runs.local_blend(runs.replace(FISH, SAILBOAT), **settings))
    differs = (latents[0] != latents[1]).any(dim=0)
    return (*images(runs.pictures(latents)), of_mask(differs))


def local_blend(runs: RealRuns) -> Image.Image:
    source, edited, mask = blended(runs)
    tiles = [
        Tile(source, "a blue fish on water", "the source"),
        Tile(pair(runs, runs.replace(FISH, SAILBOAT))[1], "a blue sailboat", "P2P Replace alone"),
        Tile(mask, "the blend's mask", "white may change"),
        Tile(edited, "a blue sailboat", "with this node"),
    ]
    return strip(tiles)


def blend_threshold(runs: RealRuns) -> Image.Image:
    made = [blended(runs, threshold=threshold) for threshold in THRESHOLDS]
    first = [
        Tile(made[0][0], "source"),
        *(Tile(parts[1], f"threshold {t:g}") for parts, t in zip(made, THRESHOLDS, strict=True)),
    ]
    second = [Tile(None, ""), *(Tile(parts[2], "its mask") for parts in made)]
    return sheet([first, second], "a blue fish to a blue sailboat; white may change")


def blend_start(runs: RealRuns) -> Image.Image:
    """The target's background is another one too: until the blend starts, it is drawn everywhere."""
    rows = []
    for new, word in (("a photo of a dog on snow", "dog"), ("a photo of a teddy bear on water", "teddy bear")):
        tiles = []
        for start in (0.0, 0.2, 0.4, 0.6, 0.8):
            controller = runs.local_blend(runs.replace(CAT, new), target_words=word, source_words="cat", start=start)
            source, edited = pair(runs, controller)
            tiles.append(Tile(edited, f"start {start:g}"))
        rows.append([Tile(source, "source"), *tiles])
    return sheet(rows, "a dog on snow, a teddy bear on water: local to the animal")


def combine(runs: RealRuns) -> Image.Image:
    source, dog, bear = pair(runs, runs.combine(runs.replace(CAT, DOG), runs.replace(CAT, BEAR)))
    tiles = [Tile(source, "a cat", "the source"), Tile(dog, "a dog", "first"), Tile(bear, "a teddy bear", "second")]
    return strip(tiles, "one run", most=240)


def apply(runs: RealRuns) -> Image.Image:
    """What the model expects the pair to become, as sampling goes on."""
    controller = runs.replace(CAT, DOG)
    stops = (2, 4, 8, 12, STEPS)
    made = [pair(runs, controller, last_step=stop, force_full_denoise=True) for stop in stops]
    rows = []
    for row, name in enumerate(("a cat", "a dog")):
        rows.append([Tile(pictures[row], f"{name}: step {stop}") for pictures, stop in zip(made, stops, strict=True)])
    return sheet(rows, "source and edit grow from the same noise in one run")


PICTURES = {
    "P2PReplaceController": replace,
    "P2PRefineController": refine,
    "P2PReweightController": reweight,
    "P2PMoveController": move,
    "P2PLocalBlend": local_blend,
    "P2PCombine": combine,
    "P2PApply": apply,
    "windows_cross": windows_cross,
    "windows_self": windows_self,
    "word_windows": word_windows,
    "self_attention": self_attention,
    "self_grids": self_grids,
    "scales": scales,
    "blend_threshold": blend_threshold,
    "blend_start": blend_start,
    "offset": offset,
    "move_window": move_window,
}
