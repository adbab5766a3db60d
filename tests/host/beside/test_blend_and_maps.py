"""A local blend and an attention store beside what stands in their way: further passes, masks, skipped steps."""

import comfy.model_management
import pytest
import torch
from comfy_extras.nodes_easycache import EasyCacheNode, LazyCacheNode
from comfy_extras.nodes_freelunch import FreeU
from comfy_extras.nodes_model_advanced import RescaleCFG
from comfy_extras.nodes_model_downscale import PatchModelAddDownscale
from comfy_extras.nodes_pag import PerturbedAttentionGuidance
from comfy_extras.nodes_sag import SelfAttentionGuidance
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.local_blend import P2PLocalBlend

import nodes as host_nodes

from ..graph import applied, empty_latent, outputs, relative, rows_of, sample
from .adapters import ImagePrompt, with_image_prompt, with_sharper_attention
from .edits import ONE_TERM


def _downscaled(model):
    return outputs(
        PatchModelAddDownscale,
        model=model,
        block_number=2,
        downscale_factor=2.0,
        start_percent=0.0,
        end_percent=0.3,
        downscale_after_skip=True,
        downscale_method="bicubic",
        upscale_method="bicubic",
    )[0]


def _cached(node):
    return lambda model: outputs(
        node, model=model, reuse_threshold=0.6, start_percent=0.1, end_percent=0.95, verbose=False
    )[0]


NEIGHBOURS = {
    "none": lambda model: model,
    "an IP-Adapter": lambda model: with_image_prompt(model, ImagePrompt(model, seed=3), 0.5),
    "an attention override": with_sharper_attention,
    "FreeU": lambda model: FreeU().patch(model, 1.3, 1.4, 0.9, 0.2)[0],
    "perturbed attention": lambda model: outputs(PerturbedAttentionGuidance, model=model, scale=3.0)[0],
    "self-attention guidance": lambda model: outputs(SelfAttentionGuidance, model=model, scale=0.5, blur_sigma=2.0)[0],
    "rescaled guidance": lambda model: RescaleCFG().patch(model, 0.7)[0],
    "DeepShrink": _downscaled,
    "EasyCache": _cached(EasyCacheNode),
    "LazyCache": _cached(LazyCacheNode),
}
every_neighbour = pytest.mark.parametrize("neighbour", NEIGHBOURS.values(), ids=NEIGHBOURS)


def blended(clip, **settings):
    inputs = {"target_words": "", "source_words": "", "keep_words": "", "threshold": 0.5, "threshold_rule": "quantile"}
    controller = ONE_TERM.controller(clip)
    return outputs(P2PLocalBlend, controller=controller, start=0.0, **{**inputs, **settings})[0]


def left_half() -> torch.Tensor:
    mask = torch.zeros(1, 64, 64)
    mask[..., :32] = 1
    return mask


def edited_and_plain(setup, controller, neighbour, latent=None, steps=6):
    """Latents ``[source, target]`` with the edit, for the neighbour before and after it, and without the edit."""
    model, clip, _ = setup
    patched, *inputs = applied(neighbour(model), clip, controller, latent or empty_latent(64, 64))
    after = neighbour(applied(model, clip, controller)[0])
    rows = rows_of(*ONE_TERM.conditionings(clip))
    edited = [sample(edited, *inputs, steps=steps) for edited in (patched, after)]
    return edited, sample(neighbour(model), rows, *inputs[1:], steps=steps)


@every_neighbour
def test_a_drawn_blend(small, neighbour):
    """Half of the picture stays the source's to the bit, the other half changes."""
    controller = blended(small[1], mask=left_half(), mask_mode="instead")
    both, plain = edited_and_plain(small, controller, neighbour)
    for edited in both:
        assert torch.equal(edited[0], plain[0])
        assert torch.equal(edited[1, ..., 4:], edited[0, ..., 4:])
        assert relative(edited[1, ..., :4], edited[0, ..., :4]) > 1e-3


@every_neighbour
def test_a_blend_by_words(small, neighbour):
    """About half of the places are the words'; the source knows nothing of it."""
    both, plain = edited_and_plain(small, blended(small[1], grids="all"), neighbour, empty_latent(128, 128), steps=4)
    for edited in both:
        assert torch.equal(edited[0], plain[0])
        stays = (edited[1] == edited[0]).all(dim=0).float().mean()
        assert 0.05 < stays < 0.95


def test_a_blend_inside_a_noise_mask(small):
    """Outside the noise mask the latent is kept, inside it only the words' places follow the edit."""
    latent = {"samples": torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2)) * 4}
    upper = torch.zeros(1, 64, 64)
    upper[:, :32] = 1
    masked = host_nodes.SetLatentNoiseMask().set_mask(latent, upper)[0]
    controller = blended(small[1], mask=left_half(), mask_mode="instead")
    both, plain = edited_and_plain(small, controller, NEIGHBOURS["none"], masked)
    for edited in both:
        assert torch.equal(edited[0], plain[0])
        assert torch.allclose(edited[1, :, 4:], latent["samples"][0, :, 4:], atol=1e-5)
        assert torch.equal(edited[1, :, :4, 4:], edited[0, :, :4, 4:])
        assert relative(edited[1, :, :4, :4], edited[0, :, :4, :4]) > 1e-3


def test_a_blend_with_little_memory(small, monkeypatch):
    setting = (small, blended(small[1], grids="all"), NEIGHBOURS["none"], empty_latent(128, 128), 4)
    together, _ = edited_and_plain(*setting)
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda *args, **named: 0)
    apart, _ = edited_and_plain(*setting)
    assert relative(apart[0], together[0]) < 1e-5


@every_neighbour
def test_a_store_changes_nothing_and_counts_every_layer_once(small, neighbour):
    """Recorded at the first step, where the latents are the same for all neighbours that leave attention as it is."""
    model, clip, _ = small
    patched, *inputs = applied(neighbour(model), clip, ONE_TERM.controller(clip), empty_latent(64, 64))
    settings = {"words": "", "prompt": "positive", "largest_grid": "all", "start": 0.0, "end": 1.0}
    stored, store = outputs(P2PAttentionStore, model=patched, keep_steps=True, **settings)
    found, expected = sample(stored, *inputs, steps=3), sample(patched, *inputs, steps=3)
    assert relative(found, expected) < 1e-6
    maps = {row.role: row.maps for row in store.recorded().rows}
    assert set(maps) == {"source", "target 1"}
    for role, recorded in maps.items():
        # A map of all words is at most 1: the rest is on start, end and padding.
        assert 0 < float(recorded[0].float().sum(0).max()) <= 1.001, role
