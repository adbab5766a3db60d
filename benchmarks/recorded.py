"""Edits from a record: the source was sampled before, and the run that is measured has the target alone."""

from collections.abc import Iterator, Mapping

import torch

from ..nodes.apply import P2PApply
from ..nodes.record import P2PRecord
from .edits import SOURCE, Case, Sampled, edited, empty_latent, encoded
from .models import SDXL, text_encoder
from .running import sample
from .shapes_only import counting_shapes, on_meta

_MIB = 2**20
_DEFAULTS = {
    "keep": "everything", "words": "", "cross_grids": "all", "self_grids": "coarse", "start": 0.0, "end": 1.0,
    "resolution": "full", "precision": "fp16", "keep_in": "memory", "budget": 1_000_000,
}  # fmt: skip
_WORDS = {"keep": "key words", "words": "cat"}
# By name, what P2P Record is set to.
OPTIONS: Mapping[str, Mapping[str, str]] = {
    "all grids, coarse self-attention": {},
    "all grids, self-attention on all": {"self_grids": "all"},
    "all grids, no self-attention": {"self_grids": "none"},
    "coarse grids, coarse self-attention": {"cross_grids": "coarse"},
    "coarse grids, no self-attention": {"cross_grids": "coarse", "self_grids": "none"},
    "one key word, all grids": _WORDS,
    "one key word, coarse grids": {**_WORDS, "cross_grids": "coarse"},
    "one key word, coarse grids, half the resolution": {**_WORDS, "cross_grids": "coarse", "resolution": "half"},
}


def ready(case: Case, model, clip, width: int, height: int, steps: int, home: str, more: str = "") -> Sampled:
    """The case, ready for a sampler that takes as many steps.

    Args:
        home: where P2P Record keeps what it needs.
    """
    if case.is_recorded:
        return from_record(case, model, clip, width, height, steps, more, keep_in=home)
    return edited(case, model, clip, width, height, more)


def from_record(case: Case, model, clip, width: int, height: int, steps: int, more: str = "", **settings) -> Sampled:
    """The case ready for a sampler that takes as many steps; its source is recorded now.

    Args:
        settings: of P2P Record, where they are not the node's own.
    """
    recording, record = P2PRecord.execute(model=model, **{**_DEFAULTS, **settings}).args
    negative = encoded(clip, "")
    source = Sampled(recording, encoded(clip, SOURCE + more), negative, empty_latent(width, height, case.pictures))
    inputs = {"latent": {"samples": sample(source, steps)}, "negative": negative, "record": record}
    return Sampled(*P2PApply.execute(model=model, controller=case.controller(clip, more), **inputs).args)


def sizes(width: int = 1024, height: int = 1024, steps: int = 2) -> Iterator[dict]:
    """What a record of SDXL in fp16 takes with each option, of tensors that its layers really hand over."""
    model, clip = on_meta(SDXL, torch.float16), text_encoder(SDXL)
    for name, changed in OPTIONS.items():
        for precision in ("fp16", "int8"):
            settings = {**_DEFAULTS, **changed, "precision": precision, "keep_in": "graphics card"}
            with counting_shapes():
                recording, record = P2PRecord.execute(model=model, **settings).args
                latent = empty_latent(width, height, 1)
                sample(Sampled(recording, encoded(clip, SOURCE), encoded(clip, ""), latent), steps)
                storage = record.recorded().storage
            yield {
                "model": SDXL.name,
                "width": width,
                "height": height,
                "options": name,
                "precision": precision,
                "mib_per_step": storage.nbytes / steps / _MIB,
                "tensors_per_step": len(storage.names()) / steps,
            }
            record.replace(None)
