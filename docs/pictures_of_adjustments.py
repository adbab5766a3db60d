"""Pictures of the nodes that adjust a record: the recorded picture, the maps, and the same prompt run again from it."""

from drawing import Tile, strip
from PIL import Image
from real_runs import SIDE, RealRuns, images

RED_CAR = "a photo of a red car on grass"
CAT = "a photo of a cat on grass"


def _adjusted(runs: RealRuns, prompt: str, module: str, name: str, caption: str, **inputs) -> Image.Image:
    """Three tiles: the source, the maps, the same prompt with the adjusted record."""
    record, source = runs.recorded(prompt)
    changed, preview = runs.node(module, name, record=record, **inputs)
    again = images(runs.pictures(runs.replayed(runs.replace(prompt, prompt, self_attention="off"), changed, source)))
    tiles = [
        Tile(images(runs.pictures(source))[0], prompt.removeprefix("a photo of "), "the recorded picture"),
        Tile(images(preview)[0], "preview", "recorded and adjusted"),
        Tile(again[0], caption, "the same prompt from the record"),
    ]
    return strip(tiles, most=280)


def move(runs: RealRuns) -> Image.Image:
    return _adjusted(runs, RED_CAR, "adjust_move", "P2PAdjustMove", "offset_x 0.25", word="red car", offset_x=0.25)


def scale(runs: RealRuns) -> Image.Image:
    return _adjusted(runs, RED_CAR, "adjust_scale", "P2PAdjustScale", "red: 4", scales="red: 4")


def blend(runs: RealRuns) -> Image.Image:
    words = {"word": "cat", "with_word": "grass", "amount": 0.6}
    return _adjusted(runs, CAT, "adjust_blend", "P2PAdjustBlend", "cat with grass, 0.6", **words)


def mask(runs: RealRuns) -> Image.Image:
    import torch

    drawn = torch.zeros(1, SIDE, SIDE)
    drawn[:, SIDE // 2 : -SIDE // 8, SIDE // 2 :] = 1
    words = {"word": "red car", "mask": drawn, "strength": 0.6}
    return _adjusted(runs, RED_CAR, "adjust_mask", "P2PAdjustMask", "drawn at the lower right", **words)


PICTURES = {"P2PAdjustMove": move, "P2PAdjustScale": scale, "P2PAdjustBlend": blend, "P2PAdjustMask": mask}
