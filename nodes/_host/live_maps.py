"""Sending what words look at while a run goes on, now and then, and without waiting for the device."""

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...p2p_core.map_tiles import MOST_TILES, tile_size, tiles_of
from .browser import browser_listens, tell_browser
from .pacing import Pace
from .storing import Recording


class LiveMaps:
    """The maps of a run's stores that are to be seen, in turn, as often as the pace allows."""

    def __init__(self, recordings: Sequence[tuple[str, Recording]], pace: Pace) -> None:
        """``recordings``: by the ids of the nodes that show them."""
        self._recordings = tuple(recordings) if browser_listens() else ()
        self._pace, self._turn = pace, 0
        self._sending: _Sending | None = None

    def offer(self, step: int) -> None:
        """Between two model calls: a moment to send something. ``step``: how many are complete."""
        if not self._recordings:
            return
        if self._sending is not None and self._sending.has_arrived():
            self._finish()
        if self._sending is None and self._pace.allows():
            self._start(step)

    def finish(self, step: int) -> None:
        """After the run: the device has nothing left to do, so that what is on its way is there."""
        self.offer(step)
        if self._sending is not None:
            with self._pace.counted():
                self._sending.copy.wait()
            self._finish()

    def _start(self, step: int) -> None:
        node, recording = self._recordings[self._turn % len(self._recordings)]
        self._turn += 1
        with self._pace.counted():
            begin = time.perf_counter()
            rows = _rows_of(recording)
            if not rows:
                return
            copy = _Copy([maps for _, maps in rows])
            self._sending = _Sending(node, step, [row for row, _ in rows], copy, time.perf_counter() - begin)
        if self._sending.has_arrived():
            self._finish()

    def _finish(self) -> None:
        sending, self._sending = self._sending, None
        begin = time.perf_counter()
        tiles = sending.copy.tiles()
        data = base64.b64encode(tiles.numpy().tobytes()).decode("ascii")
        height, width = tiles.shape[-2:]
        size = {"width": width, "height": height}
        tell_browser("maps", {"node": sending.node, "step": sending.step, "rows": sending.rows, **size, "data": data})
        here = time.perf_counter() - begin
        on_device = sending.copy.device_seconds()
        self._pace.spend(here + on_device)
        self._pace.expect(sending.seconds + here + on_device)


@dataclass(frozen=True)
class _Sending:
    """Maps on their way. ``seconds``: what it took so far."""

    node: str
    step: int
    rows: list[dict]
    copy: "_Copy"
    seconds: float

    def has_arrived(self) -> bool:
        return self.copy.has_arrived()


class _Copy:
    """Tiles on their way from the device.

    On a GPU of CUDA's kind they are copied behind the work that is queued, and asked for when they are there: waiting
    for them would wait for all that the sampler queued before. What they take on the device is measured there. On other
    devices the copy waits, and the wait counts like everything else.
    """

    def __init__(self, maps: Sequence[torch.Tensor]) -> None:
        self._events: tuple | None = None
        device = maps[0].device
        count = sum(map(len, maps))
        size = tile_size(tuple(maps[0].shape[-2:]), count)
        if not maps[0].is_cuda:
            self._tiles = tiles_of(torch.cat(list(maps)), size).cpu()
            return
        self._tiles = torch.empty((count, *size), dtype=torch.uint8, pin_memory=True)
        module = getattr(torch, device.type)
        with module.device(device):
            begin, end = (module.Event(enable_timing=True) for _ in range(2))
            begin.record()
            self._tiles.copy_(tiles_of(torch.cat(list(maps)), size), non_blocking=True)
            end.record()
        self._events = begin, end

    def has_arrived(self) -> bool:
        return self._events is None or self._events[1].query()

    def wait(self) -> None:
        if self._events is not None:
            self._events[1].synchronize()

    def tiles(self) -> torch.Tensor:
        return self._tiles

    def device_seconds(self) -> float:
        return 0.0 if self._events is None else self._events[0].elapsed_time(self._events[1]) / 1000


def _rows_of(recording: Recording) -> list[tuple[dict, torch.Tensor]]:
    """What to call each row of maps, and the maps on their device; the first picture of a batch only.

    Rows and words are taken by slices: a list of indices would have to be copied to the device, which waits.
    """
    seen = [(entry, sums) for entry in recording.entries if (sums := entry.watch.sums.so_far()) is not None]
    with_words = [
        (entry, row, sums)
        for entry, sums in seen
        for row, words in enumerate(entry.words)
        if words and (row or entry.has_source)
    ]
    shown = with_words[:MOST_TILES]
    most = MOST_TILES // max(len(shown), 1)
    return [
        (
            {
                "side": entry.side,
                "target": row if entry.watch.rows > 1 else None,
                "words": [label for label, _ in entry.words[row][:most]],
                "left_out": max(len(entry.words[row]) - most, 0),
            },
            sums[row, : min(len(entry.words[row]), most)],
        )
        for entry, row, sums in shown
    ]
