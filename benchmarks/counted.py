"""Counts of edits at full size, beside plain sampling of the same rows."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from .counting import Counts
from .edits import CASES, Case, Sampled, longer, plain
from .models import Architecture, text_encoder
from .recorded import ready
from .running import sample
from .shapes_only import counting_shapes, on_meta

_MIB = 2**20


@dataclass(frozen=True)
class Size:
    """Of the picture, in pixels, and of the prompts, in chunks of 77 tokens."""

    width: int
    height: int
    chunks: int = 1


def counts_of(sampled: Sampled, steps: int) -> Counts:
    """What is counted in the steps of a run, without what comes before and after."""
    with counting_shapes() as counting:
        marks: list[Counts] = []

        def mark() -> None:
            marks.append(replace(counting.counts))

        sample(sampled, steps, mark, mark)
    started, *_, ended = marks
    return ended.since(started)


class Counter:
    """Counts cases on one full-size model.

    Args:
        steps: of every run; 10 show the published windows, 0.8 and 0.4, in their right parts.
    """

    def __init__(self, architecture: Architecture, dtype: torch.dtype = torch.float16, steps: int = 10) -> None:
        self._architecture, self._dtype, self._steps = architecture, dtype, steps
        self._model, self._clip = on_meta(architecture, dtype), text_encoder(architecture)
        self._plain: dict[tuple, Counts] = {}

    def count(self, name: str, size: Size) -> dict:
        """One entry of the results: a case of ours beside plain sampling of as many rows."""
        case, more = CASES[name], longer(size.chunks)
        with counting_shapes():  # of a record, whose source is sampled here
            sampled = ready(case, self._model, self._clip, size.width, size.height, self._steps, "graphics card", more)
        return self._entry(name, "ours", case, size, counts_of(sampled, self._steps))

    def count_other(self, name: str, method: str, case: Case, size: Size, patched: Callable) -> dict:
        """The same for another method: ``patched(model, clip)`` gives the model that does it, for plain rows."""
        sampled = plain(case, self._model, self._clip, size.width, size.height, longer(size.chunks))
        other = replace(sampled, model=patched(self._model, self._clip))
        return self._entry(name, method, case, size, counts_of(other, self._steps))

    def _entry(self, name: str, method: str, case: Case, size: Size, counts: Counts) -> dict:
        base, found = self._plain_counts(case, size), counts
        steps = self._steps
        return {
            "model": self._architecture.name,
            "width": size.width,
            "height": size.height,
            "dtype": str(self._dtype).removeprefix("torch."),
            "variant": name,
            "method": method,
            "targets": case.targets,
            "rows": case.rows,
            "prompt_tokens": 77 * size.chunks,
            "steps": steps,
            "operations_per_step": found.operations / steps,
            "launches_per_step": found.launches / steps,
            "launches_per_step_plain": base.launches / steps,
            "allocations_per_step": found.allocations / steps,
            "allocated_mib_per_step": found.allocated_bytes / steps / _MIB,
            "device_reads_per_step": found.reads / steps,
            "device_reads_per_step_plain": base.reads / steps,
            "flops_per_step": found.flops / steps,
            "flops_ratio": found.flops / base.flops,
            "launches_ratio": found.launches / base.launches,
            "allocations_ratio": found.allocations / base.allocations,
            "allocated_ratio": found.allocated_bytes / base.allocated_bytes,
            "peak_mib_plain": base.peak_bytes / _MIB,
            "peak_mib_above_plain": (found.peak_bytes - base.peak_bytes) / _MIB,
        }

    def _plain_counts(self, case: Case, size: Size) -> Counts:
        key = (case.rows, size)
        if key not in self._plain:
            sampled = plain(case, self._model, self._clip, size.width, size.height, longer(size.chunks))
            self._plain[key] = counts_of(sampled, self._steps)
        return self._plain[key]
