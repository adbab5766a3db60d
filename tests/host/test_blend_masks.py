"""The last mask of a local blend in the record: where the latents of a run say that it lay."""

import pytest
import torch
from p2p.nodes.attention_files import P2PLoadAttention, P2PSaveAttention
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.combine import P2PCombine

from .blends import blended_controller, moved
from .controllers import refined, swap
from .graph import applied, empty_latent, outputs, replace_controller, sample
from .test_attention_nodes import folders  # noqa: F401, a fixture

LATENT = (16, 12)  # height, width: not square


def run(tiny, controller, batch: int = 1, **settings):
    """The latents of a run, and what its store recorded."""
    model, clip, _ = tiny
    model, positive, negative, latent = applied(model, clip, controller(clip), empty_latent(96, 128, batch))
    watching, store = outputs(
        P2PAttentionStore, model=model, words="", prompt="positive", largest_grid="coarse", start=0.0, end=1.0,
        keep_steps=False,
    )  # fmt: skip
    return sample(watching, positive, negative, latent, **settings), store


def where_it_differs(latents: torch.Tensor, source: int, target: int) -> torch.Tensor:
    return (latents[source] != latents[target]).any(dim=0)


@pytest.mark.parametrize("edit", [swap, moved])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_mask_is_where_the_target_differs_from_its_source(tiny, edit, batch):
    latents, store = run(tiny, lambda clip: blended_controller(edit(clip)), batch)
    masks = store.record.blend_masks
    assert [mask is None for mask in masks] == [True, False] * batch
    for source in range(0, 2 * batch, 2):
        mask = masks[source + 1]
        assert (mask.dtype, tuple(mask.shape)) == (torch.bool, LATENT)
        assert 0 < mask.float().mean() < 1
        assert torch.equal(mask, where_it_differs(latents, source, source + 1))


def test_only_blended_targets_have_a_mask(tiny):
    def one_of_two(clip):
        return outputs(P2PCombine, first=swap(clip), second=blended_controller(refined(clip)))[0]

    latents, store = run(tiny, one_of_two)
    assert [mask is None for mask in store.record.blend_masks] == [True, True, False]
    assert torch.equal(store.record.blend_masks[2], where_it_differs(latents, 0, 2))


def test_a_run_without_a_blend_has_none(tiny):
    assert run(tiny, replace_controller)[1].record.blend_masks == ()


def test_a_run_that_ended_before_its_blend_started_has_none(tiny):
    _, store = run(tiny, lambda clip: blended_controller(swap(clip), start=0.9), last_step=2)
    assert store.record.blend_masks == ()


def test_the_memory_of_the_masks_is_counted(tiny):
    store = run(tiny, lambda clip: blended_controller(swap(clip)))[1]
    maps = sum(row.maps.nelement() * 2 for row in store.record.rows)
    assert store.get_ram_usage() == maps + LATENT[0] * LATENT[1]


def test_masks_are_saved_and_loaded(tiny, folders):  # noqa: F811
    latents, store = run(tiny, lambda clip: blended_controller(swap(clip)))
    P2PSaveAttention.execute(attention=store, latent={"samples": latents}, filename_prefix="m")
    loaded = outputs(P2PLoadAttention, file="m_00001_.attention.safetensors [output]")[0]
    assert loaded.record.blend_masks[0] is None
    assert torch.equal(loaded.record.blend_masks[1], store.record.blend_masks[1])
