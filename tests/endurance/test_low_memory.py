"""The host's ways of --lowvram and --novram, in this process: weights stay away and come for each layer's call.

A server does not go these ways on a CPU. Here the host's own loading is told that the CPU is a device with too little
memory; all it does then is its own.
"""

import comfy.model_management as management
import pytest
import torch
from p2p.mini_sdxl.builder import load
from p2p.mini_sdxl.lora import with_lora
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.tests.endurance.counts import SOAK
from p2p.tests.host.graph import applied, empty_latent, outputs, sample
from p2p.tests.host.kinds import KINDS

STATES = {"lowvram": management.VRAMState.LOW_VRAM, "novram": management.VRAMState.NO_VRAM}
NAMES = tuple(KINDS) if SOAK else ("combine",)
ROOM = 4 * 2**20  # bytes for weights, of the 30 million that there are


@pytest.fixture(scope="module")
def mini():
    with torch.inference_mode():
        return load("fp32")


@pytest.fixture(autouse=True)
def _nothing_loaded():
    management.unload_all_models()
    yield
    management.unload_all_models()


def _edited(mini, name: str, with_style: bool):
    """The latent of an edit, and the maps of its words."""
    model, clip, _ = mini
    styled = with_lora(model, 0.7) if with_style else model
    patched, *inputs = applied(styled, clip, KINDS[name](clip), empty_latent(64, 64))
    settings = {"words": "", "prompt": "positive", "largest_grid": "all", "start": 0.0, "end": 1.0, "keep_steps": True}
    watching, store = outputs(P2PAttentionStore, model=patched, **settings, self_maps=True)
    latent = sample(watching, *inputs, sampler="euler_ancestral")
    return latent, [row.maps for row in store.record.rows], [row.self_map for row in store.record.rows]


@pytest.mark.parametrize("with_style", [False, True], ids=["plain", "with a LoRA"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("state", STATES)
def test_edits_are_the_same_with_little_memory(mini, monkeypatch, state, name, with_style):
    latent, maps, self_maps = _edited(mini, name, with_style)
    management.unload_all_models()
    monkeypatch.setattr(management, "vram_state", STATES[state])
    monkeypatch.setattr(management, "is_device_cpu", lambda device: False)
    monkeypatch.setattr(
        management, "get_free_memory", lambda *where, **how: management.minimum_inference_memory() + ROOM
    )
    loaded = []
    original = management.LoadedModel.model_load

    def loading(self, lowvram_model_memory=0, **settings):
        loaded.append((self.model.model, lowvram_model_memory))
        return original(self, lowvram_model_memory, **settings)

    monkeypatch.setattr(management.LoadedModel, "model_load", loading)
    found, found_maps, found_self_maps = _edited(mini, name, with_style)
    denoiser = mini[0].model
    assert any(model is denoiser and room > 0 for model, room in loaded)
    assert denoiser.model_lowvram, "the host loaded the whole model after all"
    assert torch.equal(found, latent)
    assert all(torch.equal(new, old) for new, old in zip(found_maps, maps, strict=True))
    assert all(torch.equal(new, old) for new, old in zip(found_self_maps, self_maps, strict=True))
