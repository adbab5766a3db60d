"""Seconds and memory of edits beside plain sampling of the same rows: one process, rounds of all that is compared.

In a round everything runs once, one after the other and in the next round the other way round, so that what slows the
machine for a while slows all. Only ratios within a round are reported, the median over the rounds.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from .edits import Sampled
from .running import sample

_MIB = 2**20


@dataclass(frozen=True)
class Measured:
    """One run: its steps' seconds, and the most memory it took (bytes; None where the system does not tell)."""

    seconds: float
    peak: int | None


@dataclass(frozen=True)
class Ratio:
    """Of pairs: median and quartiles, plain sampling's seconds per step, and the peak above plain in MiB."""

    median: float
    quartiles: tuple[float, float]
    plain_seconds: float
    peak_mib: float | None


def compare(plain: Sampled, others: Sequence[Sampled], steps: int, rounds: int, device: torch.device) -> list[Ratio]:
    """The others' cost beside plain sampling; one run of each comes before and does not count."""
    clock = _DeviceClock if device.type == "cuda" else _Clock
    everything = [plain, *others]
    for sampled in everything:
        _run(sampled, steps, device, clock)
    taken: list[list[Measured]] = []
    for number in range(rounds):
        order = range(len(everything)) if number % 2 == 0 else reversed(range(len(everything)))
        runs = {place: _run(everything[place], steps, device, clock) for place in order}
        taken.append([runs[place] for place in range(len(everything))])
    of_others = range(1, len(everything))
    return [_ratio([(runs[0], runs[place]) for runs in taken], steps) for place in of_others]


def _ratio(pairs: Sequence[tuple[Measured, Measured]], steps: int) -> Ratio:
    ratios = [second.seconds / first.seconds for first, second in pairs]
    above = [second.peak - first.peak for first, second in pairs if first.peak is not None and second.peak is not None]
    lower, _, upper = statistics.quantiles(ratios, n=4, method="inclusive") if len(pairs) > 1 else ratios * 3
    return Ratio(
        statistics.median(ratios),
        (lower, upper),
        statistics.median(first.seconds for first, _ in pairs) / steps,
        statistics.median(above) / _MIB if above else None,
    )


def _run(sampled: Sampled, steps: int, device: torch.device, make_clock: Callable) -> Measured:
    clock = make_clock()
    forget_peak(device)
    sample(sampled, steps, clock.start, clock.step)
    return Measured(clock.seconds(), peak(device))


class _Clock:
    """Of the processor, from the start of the first step to the end of the last."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def start(self) -> None:
        self._times.append(time.perf_counter())

    step = start

    def seconds(self) -> float:
        return self._times[-1] - self._times[0]


class _DeviceClock:
    """Of a CUDA device, by events in its stream, which no step waits for."""

    def __init__(self) -> None:
        self._events: list[torch.cuda.Event] = []

    def start(self) -> None:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self._events.append(event)

    step = start

    def seconds(self) -> float:
        torch.cuda.synchronize()
        return self._events[0].elapsed_time(self._events[-1]) / 1000


def forget_peak(device: torch.device) -> None:
    """Starts the search for the most memory anew."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with contextlib.suppress(OSError):  # Linux only
            Path("/proc/self/clear_refs").write_text("5")


def peak(device: torch.device) -> int | None:
    """Bytes: the allocator's on CUDA, else the process's resident set; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    return None
