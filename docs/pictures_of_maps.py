"""Pictures of recorded attention: of the nodes that record, show, save and load it, and of their inputs."""

import contextlib
import importlib
import tempfile
from pathlib import Path

from drawing import INK, LINE, PAPER, QUIET, WIDTH, Tile, arrow, enlarged, font, sheet, strip
from pictures_of_edits import CAT, RED_CAR
from PIL import Image, ImageDraw
from real_runs import STEPS, RealRuns, images

SCENE = "a photo of a yellow house on sand"


def recorded(runs: RealRuns, prompt: str, **settings):
    """(attention, decoded pictures, latents) of one plain run."""
    model, attention = runs.node("attention_store", "P2PAttentionStore", model=runs.model, **settings)
    latents = runs.plain(prompt, model=model)
    return attention, runs.pictures(latents), latents


def overlay(runs: RealRuns, attention, pictures, **settings) -> Image.Image:
    """What P2P Attention Maps shows."""
    made = runs.node("attention_maps", "P2PAttentionMaps", attention=attention, image=pictures, **settings)[0]
    return images(made)[0]


def one_word(runs: RealRuns, attention, pictures, word: str, **settings) -> Image.Image:
    """One word's heat map."""
    return overlay(runs, attention, pictures, words=word, layout="one word", **settings)


def store(runs: RealRuns) -> Image.Image:
    """A word's map step by step."""
    attention, pictures, _ = recorded(runs, RED_CAR, words="car", keep_steps=True)
    steps = (0, 4, 8, 12, 16, STEPS - 1)
    tiles = [
        Tile(one_word(runs, attention, pictures, "car", step=step, opacity=0.8), f"step {step + 1}") for step in steps
    ]
    return strip([Tile(images(pictures)[0], "the picture"), *tiles], "what car looks at while a red car is drawn")


def maps(runs: RealRuns) -> Image.Image:
    """Two words, and the mask of one."""
    attention, pictures, _ = recorded(runs, SCENE)
    settings = {"attention": attention, "image": pictures, "words": "house", "layout": "one word"}
    _, masks = runs.node("attention_maps", "P2PAttentionMaps", **settings)[:2]
    mask = Image.fromarray((masks[0] * 255).byte().numpy())
    tiles = [
        Tile(images(pictures)[0], "a yellow house on sand", "the picture"),
        Tile(one_word(runs, attention, pictures, "house"), "house", "overlay"),
        Tile(one_word(runs, attention, pictures, "sand"), "sand", "overlay"),
        Tile(mask, "house", "masks"),
    ]
    return strip(tiles)


def layouts(runs: RealRuns) -> Image.Image:
    """The three layouts, each as it comes out of the node."""
    attention, pictures, _ = recorded(runs, SCENE)
    words = "yellow, house, sand"
    made = {
        name: overlay(runs, attention, pictures, words=words, layout=name) for name in ("grid", "one word", "blend")
    }
    grid, word, blend = made.values()
    grid = grid.resize((WIDTH - 20, round(grid.height * (WIDTH - 20) / grid.width)), Image.Resampling.BICUBIC)
    side, top = 300, 34
    paper = Image.new("RGB", (WIDTH, top + grid.height + top + side + 60), PAPER)
    draw = ImageDraw.Draw(paper)
    draw.text((WIDTH // 2, 8), "layout grid: every word beside the picture", fill=INK, font=font(19), anchor="mt")
    paper.paste(grid, (10, top))
    below = top + grid.height + 10
    parts = (("layout one word: the first of the words", word), ("layout blend: all words", blend))
    for (caption, picture), middle in zip(parts, (WIDTH // 4, 3 * WIDTH // 4), strict=True):
        draw.text((middle, below), caption, fill=INK, font=font(19), anchor="mt")
        scaled = picture.resize((side, round(picture.height * side / picture.width)), Image.Resampling.BICUBIC)
        paper.paste(scaled, (middle - side // 2, below + 28))
    return paper


def grids(runs: RealRuns) -> Image.Image:
    """How fine a map is by the largest grid that counts."""
    rows = []
    for prompt, word in ((RED_CAR, "car"), (CAT, "cat")):
        tiles = []
        for largest in ("coarse", "medium", "all"):
            attention, pictures, _ = recorded(runs, prompt, words=word, largest_grid=largest)
            tiles.append(Tile(one_word(runs, attention, pictures, word, opacity=0.8), f"largest_grid {largest}"))
        rows.append([Tile(images(pictures)[0], "the picture"), *tiles])
    return sheet(rows)


def saving(runs: RealRuns) -> Image.Image:
    """A run, its maps, and the file that was written."""
    attention, pictures, latents = recorded(runs, SCENE)
    with output_folder() as folder:
        inputs = {"attention": attention, "latent": {"samples": latents}}
        node = importlib.import_module("p2p.nodes.attention_files").P2PSaveAttention
        node.execute(**inputs, filename_prefix="attention/house")
        file = next(folder.rglob("*.safetensors"))
        label = file.name, f"{file.stat().st_size / 1000:.0f} KB"
    return flow([_stack(runs, attention, pictures), document(*label)], ("recorded attention", "a saved file"))


def loading(runs: RealRuns) -> Image.Image:
    """A file and what P2P Attention Maps shows of it."""
    attention, pictures, latents = recorded(runs, SCENE)
    with output_folder() as folder:
        files = importlib.import_module("p2p.nodes.attention_files")
        files.P2PSaveAttention.execute(
            attention=attention, latent={"samples": latents}, filename_prefix="attention/house"
        )
        file = next(folder.rglob("*.safetensors"))
        label = file.name, f"{file.stat().st_size / 1000:.0f} KB"
        (loaded,) = files.P2PLoadAttention.execute(file=f"attention/{file.name} [output]").args
        picture = _stack(runs, loaded, pictures)
    return flow([document(*label), picture], ("a saved file", "the same maps, without a run"))


def _stack(runs: RealRuns, attention, pictures) -> Image.Image:
    """Three words' maps side by side."""
    size, gap = 200, 8
    words = ("yellow", "house", "sand")
    paper = Image.new("RGB", (len(words) * (size + gap) - gap, size), PAPER)
    for place, word in enumerate(words):
        paper.paste(enlarged(one_word(runs, attention, pictures, word), size), (place * (size + gap), 0))
    return paper


def document(name: str, note: str) -> Image.Image:
    """A sheet of paper with a dog-ear and the name of a file in two lines."""
    paper = Image.new("RGB", (200, 200), PAPER)
    draw = ImageDraw.Draw(paper)
    left, top, right, bottom, ear = 22, 4, 178, 196, 38
    outline = [(left, top), (right - ear, top), (right, top + ear), (right, bottom), (left, bottom)]
    draw.polygon(outline, fill="#f2f5f8", outline=LINE, width=3)
    draw.line([(right - ear, top), (right - ear, top + ear), (right, top + ear)], fill=LINE, width=3)
    stem, _, ending = name.partition(".")
    for place, (text, colour) in enumerate(((stem, INK), (f".{ending}", INK), (note, QUIET))):
        size = 16 if font(16).getlength(text) < 140 else 12
        draw.text((100, 90 + place * 28), text, fill=colour, font=font(size), anchor="mm")
    return paper


def flow(pictures: list[Image.Image], captions: tuple[str, ...]) -> Image.Image:
    """Pictures of one height from left to right with arrows between, each with its caption."""
    between = 60
    width = sum(picture.width for picture in pictures) + between * (len(pictures) - 1)
    paper = Image.new("RGB", (WIDTH, pictures[0].height + 44), PAPER)
    draw = ImageDraw.Draw(paper)
    left = (WIDTH - width) // 2
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        draw.text((left + picture.width // 2, 8), caption, fill=INK, font=font(18), anchor="mt")
        paper.paste(picture, (left, 36))
        if number + 1 < len(pictures):
            middle = 36 + picture.height // 2
            arrow(draw, (left + picture.width + 8, middle), (left + picture.width + between - 8, middle))
        left += picture.width + between
    return paper


@contextlib.contextmanager
def output_folder():
    """ComfyUI's output folder is another one meanwhile."""
    import folder_paths

    before = folder_paths.get_output_directory()
    with tempfile.TemporaryDirectory() as folder:
        folder_paths.set_output_directory(folder)
        try:
            yield Path(folder)
        finally:
            folder_paths.set_output_directory(before)


PICTURES = {
    "P2PAttentionStore": store,
    "P2PAttentionMaps": maps,
    "P2PSaveAttention": saving,
    "P2PLoadAttention": loading,
    "map_layouts": layouts,
    "map_grids": grids,
}
