"""Which part of a run's time is spent in this pack, by torch's profiler."""

import contextlib
import functools
from unittest.mock import patch

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from ..nodes._host import attention as host_attention
from ..nodes._host.blending import Blending
from ..nodes._host.layer_edits import EditedTexts
from ..p2p_core.further_terms import FurtherTerms
from ..p2p_core.row_edits import RowEdits
from .edits import Sampled
from .running import sample

_RANGE, _WHOLE = "prompt_to_prompt", "sampling"
# What is done in steps beside the host's own attention calls. ``cross_edits`` checks rows too, so that is left out.
_PARTS = (
    (host_attention, "cross_edits"),
    (host_attention, "self_edits"),
    (host_attention, "see"),
    (host_attention, "see_self"),
    (EditedTexts, "of"),
    (RowEdits, "looks"),
    (RowEdits, "values"),
    (FurtherTerms, "add_to"),
    (host_attention, "edit_self_attention"),
    (Blending, "blend"),
    (Blending, "tied"),
)


def own_share(sampled: Sampled, steps: int, device: torch.device) -> float:
    """Time inside the pack over the time of the whole run: on CUDA the device's, else the processor's."""
    on_cuda = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_cuda else [])]
    with contextlib.ExitStack() as stack:
        for owner, name in _PARTS:
            stack.enter_context(patch.object(owner, name, _recorded(getattr(owner, name))))
        with profile(activities=activities) as profiler, record_function(_WHOLE):
            sample(sampled, steps)
    attribute = "device_time_total" if on_cuda else "cpu_time_total"
    times = {event.key: getattr(event, attribute) for event in profiler.key_averages()}
    return times.get(_RANGE, 0) / times[_WHOLE]


def _recorded(function):
    @functools.wraps(function)
    def recorded(*args, **kwargs):
        with record_function(_RANGE):
            return function(*args, **kwargs)

    return recorded
