"""Pictures of recorded sources: of the nodes that record, save and load them, and of what the options do."""

import importlib
from pathlib import Path

from drawing import Tile, enlarged, strip
from pictures_of_edits import BEAR, CAT, DOG, pair
from pictures_of_maps import document, flow, output_folder
from PIL import Image
from real_runs import RealRuns, images

RED_CAT = "a photo of a red cat on grass"
SIDE = 200
OPTIONS = (
    ("everything, fp16", {}),
    ("everything, int8", {"precision": "int8"}),
    ("no self-attention", {"self_grids": "none"}),
    ("key words: cat", {"keep": "key words", "words": "cat"}),
    ("the same, half", {"keep": "key words", "words": "cat", "resolution": "half"}),
    ("the same, quarter", {"keep": "key words", "words": "cat", "resolution": "quarter"}),
)


def picture(runs: RealRuns, latents) -> Image.Image:
    return images(runs.pictures(latents))[0]


def record(runs: RealRuns) -> Image.Image:
    """One source, and four edits that were sampled without it."""
    recorded, latents = runs.recorded(CAT)
    edits = {
        "a dog": runs.replace(CAT, DOG),
        "a teddy bear": runs.replace(CAT, BEAR),
        "a red cat": runs.refine(CAT, RED_CAT),
        "moved": runs.move(CAT, "cat", offset_x=-0.25),
    }
    made = {caption: runs.replayed(controller, recorded, latents) for caption, controller in edits.items()}
    tiles = [Tile(picture(runs, latents), "a cat on grass", "recorded")]
    tiles += [Tile(picture(runs, edited), caption, "from the record") for caption, edited in made.items()]
    return strip(tiles)


def options(runs: RealRuns) -> Image.Image:
    """One edit by what was kept of its source, and how much that is."""
    controller = runs.replace(CAT, BEAR, self_end=0.8)
    tiles = [Tile(pair(runs, controller)[1], "in one batch", "no record")]
    for caption, settings in OPTIONS:
        recorded, latents = runs.recorded(CAT, **settings)
        edited = picture(runs, runs.replayed(controller, recorded, latents))
        tiles.append(Tile(edited, caption, f"{recorded.recorded().storage.nbytes / 2**10:.0f} KiB"))
    return strip(tiles, "a cat to a teddy bear, self_end 0.8, by what is recorded of the cat")


def saving(runs: RealRuns) -> Image.Image:
    """A recorded source, and the file that was written."""
    recorded, latents = runs.recorded(CAT)
    with output_folder():
        label = _saved(recorded, latents)[1:]
    return flow([enlarged(picture(runs, latents), SIDE), document(*label)], ("a recorded source", "a saved file"))


def loading(runs: RealRuns) -> Image.Image:
    """A file, its source, and an edit of that."""
    recorded, latents = runs.recorded(CAT)
    with output_folder():
        file, *label = _saved(recorded, latents)
        node = importlib.import_module("p2p.nodes.record_files").P2PLoadRecord
        loaded, latent = node.execute(file=f"records/{file} [output]").args
        edited = picture(runs, runs.replayed(runs.replace(CAT, DOG), loaded, latent["samples"]))
        source = picture(runs, latent["samples"])
        loaded.replace(None)
    shown = [document(*label), enlarged(source, SIDE), enlarged(edited, SIDE)]
    return flow(shown, ("a saved file", "its latent", "an edit of it"))


def _saved(recorded, latents) -> tuple[str, str, str]:
    """Saves a record; the name of its file, and what a picture says of it: that name and its size."""
    import folder_paths

    node = importlib.import_module("p2p.nodes.record_files").P2PSaveRecord
    node.execute(record=recorded, latent={"samples": latents}, filename_prefix="records/cat")
    file = next(Path(folder_paths.get_output_directory()).rglob("*.safetensors"))
    return file.name, file.name, f"{file.stat().st_size / 2**20:.1f} MiB"


PICTURES = {"P2PRecord": record, "P2PSaveRecord": saving, "P2PLoadRecord": loading, "record_options": options}
