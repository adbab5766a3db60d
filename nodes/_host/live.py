"""Telling the browser, while a run goes on, what is edited in its current step.

Events, all with the node (its execution id) and the run they belong to:

- ``run``: when sampling starts, the schedule and what is edited when (``p2p_core.timeline``);
- ``step``: when a step starts, its number;
- ``maps``: now and then, what the words of a P2P Attention Store look at (``live_maps``);
- ``end``: however the run ends, and how.

Nothing here asks the device for anything. One run follows another on the same node where samplers share a P2P Apply or
sampling goes in stages; the name of a run keeps late news of one from being taken for news of the next.
"""

import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from comfy.model_management import InterruptProcessingException

from ...p2p_core.timeline import timeline
from .browser import browser_listens, tell_browser
from .conditioning import Group
from .live_maps import LiveMaps
from .plans import adjusted_positions
from .record_gaps import Gaps
from .run import Run


class Live:
    """What is told of one run."""

    def __init__(self, groups: Sequence[Group], maps: LiveMaps, gaps: Gaps) -> None:
        if gaps.note:
            logging.warning("Prompt-to-Prompt: %s", gaps.note)
        self._gaps = gaps
        self._groups = tuple(groups) if browser_listens() else ()
        # Those of one P2P Apply; several have their conditionings combined.
        self._nodes = tuple(dict.fromkeys(group.node for group in self._groups if group.node is not None))
        self._maps = maps
        self._run = uuid.uuid4().hex
        self._step: int | None = None

    def begin(self, progress: Sequence[float], end: float) -> None:
        """``progress``: at the start of every step; ``end``: after the last."""
        if not self._nodes:
            return
        controllers = [group.controller for group in self._groups]
        adjusted = [adjusted_positions(group) for group in self._groups]
        of_group = timeline(controllers, progress, adjusted, [self._gaps.kept.get(group) for group in self._groups])
        for node in self._nodes:
            own = zip(self._groups, of_group, strict=True)
            targets = [target for group, targets in own if group.node == node for target in targets]
            self._tell("run", node, progress=list(progress), end_progress=end, targets=targets, note=self._gaps.note)

    def step(self, step: int, total: int) -> None:
        """Before every model call."""
        if step == self._step:
            return
        self._step = step
        for node in self._nodes:
            self._tell("step", node, step=min(step, total - 1), total=total)
        self._maps.offer(step)

    def finish(self) -> None:
        """After the run, whose results are there."""
        self._maps.finish(0 if self._step is None else self._step + 1)

    def end(self, outcome: str) -> None:
        for node in self._nodes:
            self._tell("end", node, outcome=outcome)

    def _tell(self, event: str, node: str, **data: object) -> None:
        tell_browser(event, {"node": node, "run": self._run, **data})


@contextmanager
def telling(live: Live, progress: Sequence[float], end: float) -> Iterator[None]:
    """Around a run: its begin, and its end however it comes."""
    outcome = "failed"
    try:
        live.begin(progress, end)
        yield
        live.finish()
        outcome = "done"
    except InterruptProcessingException:
        outcome = "stopped"
        raise
    finally:
        live.end(outcome)


def telling_steps(run: Run, live: Live, total: int):
    """PREDICT_NOISE, after the step of the call is known."""

    def wrapper(executor, *args, **kwargs):
        live.step(run.step, total)
        return executor(*args, **kwargs)

    return wrapper
