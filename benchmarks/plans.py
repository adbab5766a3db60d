"""What is measured where."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from .counted import Size
from .edits import CASES
from .models import FULL_SIZE, MINI, NARROW_SDXL, SD15, SDXL, SSD_1B, Architecture

PAIR = "replace + self-injection"
RECORDED = ("edit from a record", "edit from a record, local blend")
PUBLISHED = (PAIR, "refine", "reweight")
ONE_PICTURE = tuple(name for name, case in CASES.items() if case.pictures == 1)
ONE_TARGET = tuple(name for name, case in CASES.items() if case.targets == 1)
SIZES = (Size(512, 512), Size(1344, 768), Size(1024, 1024))


@dataclass(frozen=True)
class TimedPlan:
    """Cases of ours and of the published method that are timed on one model at one size."""

    architecture: Architecture
    dtype: torch.dtype
    size: Size
    ours: tuple[str, ...]
    published: tuple[str, ...]
    steps: int
    pairs: int


def counted_plans() -> Iterator[tuple[Architecture, int, list[tuple[str, Size]], list[tuple[str, Size]]]]:
    """Model, steps, and the cases of ours and of the published method. All in fp16, as on a CUDA device."""
    large = Size(1024, 1024)
    yield SDXL, 10, [(name, large) for name in CASES], [(name, large) for name in PUBLISHED]
    few = (PAIR, "refine", "local blend")
    sizes = [(name, size) for size in SIZES[:2] for name in few]
    prompts = [(name, Size(1024, 1024, chunks)) for chunks in (2, 3) for name in (PAIR, "refine")]
    yield SDXL, 5, [*sizes, *prompts], [(PAIR, size) for size in SIZES[:2]]
    for architecture, size in ((SSD_1B, large), (SD15, Size(512, 512))):
        yield architecture, 5, [(name, size) for name in few], [(PAIR, size)]


def timed_plans(device: torch.device) -> Iterator[TimedPlan]:
    """On CUDA the full sizes; on a CPU what ends in time: full depth at two fifths of the width."""
    if device.type != "cuda":
        in_batch = tuple(name for name in ONE_PICTURE if name not in RECORDED)
        yield TimedPlan(NARROW_SDXL, torch.float32, Size(384, 384), in_batch, (PAIR,), 2, 3)
        yield TimedPlan(NARROW_SDXL, torch.float32, Size(384, 384), RECORDED, (), 2, 9)
        yield TimedPlan(NARROW_SDXL, torch.float32, Size(512, 512), RECORDED, (), 2, 5)
        yield TimedPlan(MINI, torch.float32, Size(128, 128), ONE_TARGET, (PAIR,), 10, 9)
        yield TimedPlan(MINI, torch.float32, Size(320, 320), RECORDED, (), 5, 21)
        return
    for architecture in FULL_SIZE:
        for size in SIZES:
            everything = architecture is SDXL and size == SIZES[-1]
            ours = tuple(CASES) if everything else (PAIR, "refine", "local blend", "all together")
            yield TimedPlan(architecture, torch.float16, size, ours, PUBLISHED if everything else (PAIR,), 10, 7)
