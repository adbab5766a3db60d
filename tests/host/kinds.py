"""One controller of every kind of edit, made by the nodes, for tests that hold for all of them."""

from collections.abc import Callable, Mapping

import torch
from p2p.nodes.combine import P2PCombine
from p2p.nodes.local_blend import P2PLocalBlend
from p2p.nodes.move import P2PMoveController
from p2p.nodes.refine import P2PRefineController
from p2p.nodes.replace import P2PReplaceController
from p2p.nodes.reweight import P2PReweightController

from .graph import SOURCE, TARGET, outputs, text

ADDED = "a photo of a fluffy cat on grass at night"
LEFT_HALF = torch.cat([torch.ones(1, 64, 32), torch.zeros(1, 64, 32)], dim=2)
Window = tuple[float, float]


def following(clip, node=P2PReplaceController, source=SOURCE, target=TARGET, window: Window | None = None, **settings):
    """Replace or refine; ``window`` for both kinds of attention in place of the defaults."""
    cross, self_window = (window, window) if window else ((0.0, 0.8), (0.0, 0.4))
    bounds = {"cross_start": cross[0], "cross_end": cross[1], "self_start": self_window[0], "self_end": self_window[1]}
    inputs = {"source": text(clip, source), "target": text(clip, target), "word_windows": "", **bounds, **settings}
    return outputs(node, **inputs)[0]


def refined(clip, **settings):
    return following(clip, P2PRefineController, target=ADDED, **settings)


def reweighted(scales: str, clip=None, controller=None, prompt: str = SOURCE):
    conditioning = text(clip, prompt) if controller is None else None
    return outputs(P2PReweightController, scales=scales, controller=controller, conditioning=conditioning)[0]


def moved(clip=None, controller=None, word="cat", x=0.25, y=-0.125, scale=1.5, window: Window = (0.0, 0.5)):
    conditioning = text(clip, SOURCE) if controller is None else None
    where = {"offset_x": x, "offset_y": y, "scale": scale, "start": window[0], "end": window[1]}
    return outputs(P2PMoveController, word=word, **where, controller=controller, conditioning=conditioning)[0]


def blended(controller, **settings):
    inputs = {"target_words": "", "source_words": "", "keep_words": "", "threshold": 0.3, "threshold_rule": "max"}
    return outputs(P2PLocalBlend, controller=controller, **{**inputs, "start": 0.2, **settings})[0]


def combined(first, second):
    return outputs(P2PCombine, first=first, second=second)[0]


KINDS: Mapping[str, Callable] = {
    "replace": following,
    "replace with a word's window": lambda clip: following(clip, word_windows="dog: 0.2-0.5"),
    "refine": refined,
    "mutual": lambda clip: following(clip, window=(0.1, 1.0), self_attention="mutual", self_grids="all"),
    "reweight alone": lambda clip: reweighted("cat: 2.5\ngrass: -0.5 @ 0.3-1", clip),
    "reweight": lambda clip: reweighted("dog: 2", controller=following(clip)),
    "move alone": moved,
    "move": lambda clip: moved(controller=following(clip), word="dog"),
    "blend": lambda clip: blended(following(clip)),
    "blend with a mask": lambda clip: blended(following(clip), mask=LEFT_HALF, mask_mode="instead"),
    "combine": lambda clip: combined(following(clip), moved(controller=refined(clip), word="fluffy cat")),
}


def prompts_of(controller) -> list:
    """The conditionings of source and targets."""
    (entry,) = controller.entries
    return [[entry.source], *([target] for target in entry.targets)]
