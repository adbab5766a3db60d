"""The controllers of the edits that most tests make of one prompt."""

from p2p.nodes.combine import P2PCombine
from p2p.nodes.refine import P2PRefineController

from .graph import SOURCE, outputs, replace_controller, text

TOWARDS = "a photo of a fluffy cat on grass at night"
WINDOWS = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": ""}


def swap(clip, **settings):
    return replace_controller(clip, **settings)


def two_terms(clip):
    return replace_controller(clip, word_windows="dog: 0.2-0.5")


def refined(clip):
    return outputs(P2PRefineController, source=text(clip, SOURCE), target=text(clip, TOWARDS), **WINDOWS)[0]


def two_targets(clip):
    return outputs(P2PCombine, first=swap(clip), second=refined(clip))[0]
