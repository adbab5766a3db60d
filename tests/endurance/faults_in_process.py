"""Failures anywhere inside this pack's code, in a run in this process: at any operation of torch that it asks for."""

import contextlib
import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import comfy.samplers
import torch
from p2p.nodes._host.blending import Blending
from p2p.nodes._host.live import Live
from p2p.nodes._host.run import Run
from p2p.nodes._host.seeing import Watch
from p2p.nodes._host.storing import Recording
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.p2p_core.self_maps import SelfMapSums
from p2p.p2p_core.word_maps import MapSums
from p2p.tests.host.graph import outputs
from torch.utils._python_dispatch import TorchDispatchMode

ROOT = Path(__file__).resolve().parents[2]
OURS = tuple(f"{ROOT / folder}/" for folder in ("nodes", "p2p_core"))
STATE = (Run, Blending, Watch, Recording, MapSums, SelfMapSums, Live)
STEPS = 3


class FailingOperations(TorchDispatchMode):
    """Counts the operations that this pack itself asks for, and fails at one of them.

    The host's operations that a patch calls for (attention, projections) count too: they are inside a patch.
    """

    def __init__(self, at: int = 0, error: type[Exception] = RuntimeError) -> None:
        super().__init__()
        self.count, self._at, self._error, self.place = 0, at, error, ""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        place = _patch_in_charge()
        if place:
            self.count += 1
            if self.count == self._at:
                self.place = place
                raise self._error("raised on purpose")
        return function(*args, **(kwargs or {}))


def _patch_in_charge() -> str:
    """The nearest function of this pack that is at work inside the sampler; none while its wrappers only wait.

    A wrapper waits when between it and the operation the host's executor was called again.
    """
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(OURS):
            return f"{file.removeprefix(f'{ROOT}/')}:{frame.f_lineno}"
        if frame.f_code.co_name == "execute" and file.endswith("patcher_extension.py"):
            return ""
        frame = frame.f_back
    return ""


@contextlib.contextmanager
def failing(at: int = 0, error: type[Exception] = RuntimeError) -> Iterator[FailingOperations]:
    """Around a run whose operation number ``at`` of those inside this pack fails; 0 counts them only."""
    mode = FailingOperations(at, error)
    with mode:
        yield mode


def watched(model):
    """The model with a store of all words, every step and self-attention, and the store."""
    settings = {"words": "", "prompt": "positive", "largest_grid": "all", "start": 0.0, "end": 1.0, "keep_steps": True}
    return outputs(P2PAttentionStore, model=model, **settings, self_maps=True)


def sampled(model, positive, negative, latent, sampler) -> torch.Tensor:
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(5.0)
    sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "normal", STEPS)
    noise = torch.randn(latent["samples"].shape, generator=torch.Generator().manual_seed(3))
    return guider.sample(noise, latent["samples"], sampler, sigmas, seed=3)


def state_alive() -> list[str]:
    gc.collect()
    return [type(thing).__name__ for thing in gc.get_objects() if issubclass(type(thing), STATE)]
