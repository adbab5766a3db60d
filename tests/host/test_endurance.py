"""Invariant 7 for every kind of edit: nothing survives a run that ends, stops or fails, and memory does not grow."""

import ctypes
import gc
import random
import sys
from pathlib import Path

import comfy.model_management
import comfy.samplers
import pytest
import torch
from p2p.nodes._host.blending import Blending
from p2p.nodes._host.run import Run
from p2p.nodes._host.seeing import Watch
from p2p.nodes._host.storing import Recording
from p2p.nodes.attention_maps import P2PAttentionMaps
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.p2p_core.word_maps import MapSums

from .graph import applied, empty_latent, outputs
from .kinds import KINDS
from .tiny_models import sdxl_shaped

STATE = (Run, Blending, Watch, Recording, MapSums)
STEPS, EDITS, FIRST = 3, 100, 5


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("smallest")


def watched(model):
    """The model with a store of all words in chosen words' places, and the store."""
    settings = {"words": "", "prompt": "positive", "largest_grid": "all", "start": 0.0, "end": 1.0, "keep_steps": True}
    return outputs(P2PAttentionStore, model=model, **settings, self_maps=True)


def run(model, positive, negative, latent, sampler, seed: int = 1) -> torch.Tensor:
    """Sampling with a sampler object that outlives it, as SamplerCustomAdvanced does."""
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(5.0)
    sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "normal", STEPS)
    noise = torch.randn(latent["samples"].shape, generator=torch.Generator().manual_seed(seed))
    return guider.sample(noise, latent["samples"], sampler, sigmas, seed=seed)


def state_alive() -> list:
    gc.collect()
    return [type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, STATE)]


class _Calls:
    """Counts how often a run's patches ask for their marks, and fails at one of these calls."""

    def __init__(self, monkeypatch) -> None:
        self.count, self.failure, self.fails_at = 0, None, None
        original = Run.marks_of_chunks

        def counting(run, options):
            self.count += 1
            if self.count == self.fails_at:
                raise self.failure("stopped on purpose")
            return original(run, options)

        monkeypatch.setattr(Run, "marks_of_chunks", counting)

    def fail(self, failure: type[Exception], call: int | None) -> None:
        self.count, self.failure, self.fails_at = 0, failure, call


INTERRUPT, OUT_OF_MEMORY = comfy.model_management.InterruptProcessingException, comfy.model_management.OOM_EXCEPTION


@pytest.mark.parametrize("name", KINDS)
def test_a_run_that_stops_anywhere_leaves_nothing(small, name, monkeypatch):
    model, clip, _ = small
    patched, *inputs = applied(model, clip, KINDS[name](clip), empty_latent(64, 64))
    watching, store = watched(patched)
    sampler = comfy.samplers.sampler_object("euler_ancestral")
    before = sampler.sampler_function, sampler.extra_options
    calls = _Calls(monkeypatch)
    undisturbed = run(watching, *inputs, sampler)
    in_all, chance = calls.count, random.Random(name)
    somewhere = chance.randint(2, in_all - 1), chance.randint(2, in_all - 1)
    recorded = [maps.maps for maps in store.record.rows]
    assert in_all > STEPS
    for failure, call in (
        (RuntimeError, 1),
        (INTERRUPT, somewhere[0]),
        (OUT_OF_MEMORY, somewhere[1]),
        (OUT_OF_MEMORY, in_all),
    ):
        calls.fail(failure, call)
        with pytest.raises(failure):
            run(watching, *inputs, sampler)
        assert calls.count == call
        assert store.record is None
        assert (sampler.sampler_function, sampler.extra_options) == before
        assert sampler.extra_options is before[1]
        assert state_alive() == []
    calls.fail(RuntimeError, None)
    assert torch.equal(run(watching, *inputs, sampler), undisturbed)
    assert all(torch.equal(maps.maps, old) for maps, old in zip(store.record.rows, recorded, strict=True))


@pytest.mark.parametrize("name", KINDS)
def test_the_host_s_own_interrupt(small, name):
    """Raised in the middle of a model call, at the next layer after the user pressed the button."""
    model, clip, _ = small
    patched, *inputs = applied(model, clip, KINDS[name](clip), empty_latent(64, 64))
    sampler = comfy.samplers.sampler_object("dpmpp_2m_sde")
    before = sampler.sampler_function, sampler.extra_options
    undisturbed = run(patched, *inputs, sampler)
    pressing, calls, press_at = patched.clone(), [], random.Random(name).randint(1, STEPS)

    def press(function, call):
        calls.append(call["timestep"])
        if len(calls) == press_at:
            comfy.model_management.interrupt_current_processing()
        return function(call["input"], call["timestep"], **call["c"])

    pressing.set_model_unet_function_wrapper(press)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        run(pressing, *inputs, sampler)
    assert len(calls) == press_at
    assert state_alive() == []
    assert (sampler.sampler_function, sampler.extra_options) == before
    assert torch.equal(run(patched, *inputs, sampler), undisturbed)


def _one_edit(setup: tuple, number: int) -> None:
    """A whole graph, from the prompt to the maps, as a server runs it; nothing of it is kept."""
    model, clip, _ = setup
    name = list(KINDS)[number % len(KINDS)]
    patched, positive, negative, latent = applied(model, clip, KINDS[name](clip), empty_latent(64, 64))
    watching, store = watched(patched)
    sampled = run(
        watching, positive, negative, latent, comfy.samplers.sampler_object("euler_ancestral"), seed=abs(number)
    )
    outputs(P2PAttentionMaps, attention=store, image=torch.rand(len(sampled), 64, 64, 3), refine=1)


def _tensors() -> tuple[int, int]:
    """How many live tensors there are, and their bytes."""
    gc.collect()
    alive = [thing for thing in gc.get_objects() if torch.is_tensor(thing)]
    return len(alive), sum(tensor.nelement() * tensor.element_size() for tensor in alive)


def _resident_bytes() -> int:
    """Memory of this process that is in use.

    The C library keeps freed blocks for itself, how many depends on the order of sizes. ``malloc_trim`` hands them
    back, so that what is left is held by somebody.
    """
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_hundred_edits_use_the_memory_of_five(small):
    """Of kinds that ran before: the first use of each loads its code, 7 MiB once and never again."""
    for number in range(-len(KINDS), FIRST):
        _one_edit(small, number)
    tensors, memory = _tensors(), _resident_bytes()
    for number in range(FIRST, EDITS):
        _one_edit(small, number)
    assert _tensors() == tensors
    assert _resident_bytes() / memory - 1 < 0.01
    assert state_alive() == []
