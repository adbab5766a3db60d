"""The edits that are measured, made by the pack's own nodes, and plain sampling of the same rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

import nodes as host_nodes

from ..nodes.apply import P2PApply
from ..nodes.attention_store import P2PAttentionStore
from ..nodes.combine import P2PCombine
from ..nodes.local_blend import P2PLocalBlend
from ..nodes.move import P2PMoveController
from ..nodes.refine import P2PRefineController
from ..nodes.replace import P2PReplaceController
from ..nodes.reweight import P2PReweightController
from ..nodes.text_encode import P2PTextEncode

SOURCE = "a photo of a cat sitting on green grass in front of a house at sunset"
_ANIMALS = ("dog", "fox", "horse", "sheep", "rabbit", "duck", "lion")
_REFINED = "a photo of a fluffy cat sitting on green grass in front of a small house at sunset"
FIVE_WORDS = "cat\ngrass\nhouse\nsunset\nphoto"
_FILLER = ", with soft light and a wide view over the hills"


@dataclass(frozen=True)
class Sampled:
    """What goes into a sampler."""

    model: object
    positive: list
    negative: list
    latent: dict


@dataclass(frozen=True)
class Case:
    """An edit that is measured.

    Attributes:
        controller: makes it, given the CLIP and what is appended to every prompt.
        words: of an attention store, one per line; empty for none.
        targets: their number.
        is_recorded: whether the source comes from a record, see ``recorded``.
        pictures: of every prompt.
    """

    controller: Callable
    words: str = ""
    targets: int = 1
    is_recorded: bool = False
    pictures: int = 1

    @property
    def rows(self) -> int:
        """Of plain sampling of the same pictures."""
        return (1 + self.targets) * self.pictures


def _replaced(clip, more="", target=_ANIMALS[0], self_end=0.4, word_windows=""):
    words = {"source": SOURCE + more, "target": SOURCE.replace("cat", target) + more}
    windows = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": self_end}
    return _made(P2PReplaceController, **_encoded(clip, words), **windows, word_windows=word_windows)


def _refined(clip, more=""):
    words = {"source": SOURCE + more, "target": _REFINED + more}
    windows = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4}
    return _made(P2PRefineController, **_encoded(clip, words), **windows, word_windows="")


def _reweighted(clip, more="", controller=None):
    conditioning = None if controller else encoded(clip, SOURCE + more)
    return _made(P2PReweightController, scales="cat: 2\ngrass: 0.5", controller=controller, conditioning=conditioning)


def _moved(clip, more="", controller=None):
    conditioning = None if controller else encoded(clip, SOURCE + more)
    where = {"offset_x": 0.25, "offset_y": 0.0, "scale": 1.0, "start": 0.0, "end": 0.5}
    return _made(P2PMoveController, word="cat", **where, controller=controller, conditioning=conditioning)


def _blended(clip, more="", controller=None):
    words = {"target_words": "", "source_words": "", "keep_words": ""}
    settings = {"threshold": 0.5, "threshold_rule": "max", "start": 0.2}
    return _made(P2PLocalBlend, controller=controller or _replaced(clip, more), **words, **settings)


def _all_together(clip, more=""):
    controller = _moved(clip, controller=_reweighted(clip, controller=_refined(clip, more)))
    return _blended(clip, controller=controller)


def _several(count: int) -> Callable:
    def made(clip, more=""):
        controller = _replaced(clip, more)
        for target in _ANIMALS[1:count]:
            controller = _made(P2PCombine, first=controller, second=_replaced(clip, more, target))
        return controller

    return made


CASES: Mapping[str, Case] = {
    "replace": Case(lambda clip, more="": _replaced(clip, more, self_end=0.0)),
    "replace + self-injection": Case(_replaced),
    "reweight": Case(_reweighted),
    "refine": Case(_refined),
    "word windows": Case(lambda clip, more="": _replaced(clip, more, word_windows="dog: 0.2-0.5")),
    "move": Case(_moved),
    "local blend": Case(_blended),
    "store of 5 words": Case(_replaced, words=FIVE_WORDS),
    "all together": Case(_all_together, words=FIVE_WORDS),
    "edit from a record": Case(_replaced, is_recorded=True),
    "edit from a record, local blend": Case(_blended, is_recorded=True),
    "edit from a record, 4 pictures": Case(_replaced, is_recorded=True, pictures=4),
    "edit from a record, 8 pictures": Case(_replaced, is_recorded=True, pictures=8),
    "replace + self-injection, 3 targets": Case(_several(3), targets=3),
    "replace + self-injection, 7 targets": Case(_several(7), targets=7),
}


def longer(chunks: int) -> str:
    """What to append so that a prompt has this many chunks of 77 tokens."""
    return _FILLER * (7 * (chunks - 1))


def edited(case: Case, model, clip, width: int, height: int, more: str = "") -> Sampled:
    """The case, ready for a sampler."""
    inputs = {"model": model, "negative": encoded(clip, ""), "latent": empty_latent(width, height, case.pictures)}
    patched, positive, negative, latent = P2PApply.execute(controller=case.controller(clip, more), **inputs).args
    if case.words:
        settings = {"prompt": "positive", "largest_grid": "medium", "start": 0.0, "end": 1.0, "keep_steps": False}
        patched = _made(P2PAttentionStore, model=patched, words=case.words, **settings)
    return Sampled(patched, positive, negative, latent)


def plain(case: Case, model, clip, width: int, height: int, more: str = "") -> Sampled:
    """The same rows without Prompt-to-Prompt: as many prompts in one batch."""
    (entry,) = case.controller(clip, more).entries
    rows = [entry.source, *(target for target in entry.targets)]
    return plain_rows(rows, model, clip, empty_latent(width, height, case.rows))


def plain_target(case: Case, model, clip, width: int, height: int) -> Sampled:
    """The pictures of the target alone, without Prompt-to-Prompt: less than this no edit of them can cost."""
    (entry,) = case.controller(clip).entries
    return plain_rows(entry.targets[:1], model, clip, empty_latent(width, height, case.pictures))


def plain_rows(rows: Sequence[list], model, clip, latent: dict) -> Sampled:
    """Conditioning entries as the rows of one ordinary conditioning; the host repeats them for all pictures."""
    tokens = max(row[0].shape[1] for row in rows)
    text = torch.cat([row[0].repeat(1, tokens // row[0].shape[1], 1) for row in rows])
    pooled = [row[1].get("pooled_output") for row in rows]
    extras = {"pooled_output": torch.cat(pooled)} if all(map(torch.is_tensor, pooled)) else {}
    return Sampled(model, [[text, extras]], encoded(clip, ""), latent)


def encoded(clip, prompt: str) -> list:
    return _made(P2PTextEncode, clip=clip, text=prompt)


def _encoded(clip, prompts: Mapping[str, str]) -> dict:
    return {name: encoded(clip, prompt) for name, prompt in prompts.items()}


def empty_latent(width: int, height: int, rows: int) -> dict:
    return host_nodes.EmptyLatentImage().generate(width, height, rows)[0]


def _made(node, **inputs):
    return node.execute(**inputs).args[0]
