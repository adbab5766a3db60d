"""The bench's published method makes the same pictures as ours, and takes the memory that it is said to take."""

import pytest
import torch
from p2p.benchmarks.explicit import progress_of_steps, with_explicit_maps
from p2p.benchmarks.explicit_edits import tables_of
from p2p.benchmarks.explicit_memory import Site, needed_bytes, sites_of, stored_bytes
from p2p.benchmarks.models import SD15, SDXL, SSD_1B, Architecture, build
from p2p.benchmarks.shapes_only import counting_shapes, on_meta

from .graph import applied, empty_latent, for_any_model, relative, sample
from .kinds import combined, following, moved, refined, reweighted
from .tiny_sdxl import SDXL as TINY

STEPS = 4

KINDS = {
    "replace": lambda clip: following(clip, window=(0.0, 0.8)),
    "replace with a word's window": lambda clip: following(clip, word_windows="dog: 0.2-0.5"),
    "replace, reweighted": lambda clip: reweighted("dog: 2", controller=following(clip)),
    "refine": refined,
    "reweight": lambda clip: reweighted("cat: 2.5\ngrass: -0.5 @ 0.3-1", clip),
    "two targets": lambda clip: combined(following(clip), following(clip, target="a photo of a fox on snow")),
}


@pytest.fixture(scope="module")
def shapes(tiny):
    """The tiny model at any size in no time: its network computes shapes only."""
    _, clip, _ = tiny
    return on_meta(Architecture("tiny", TINY), torch.float32), clip


def edits_of(controller):
    return controller.entries[0].controller.edits


def published(model, controller, keeps_store=True, at_end=None, steps=STEPS):
    return with_explicit_maps(model, edits_of(controller), progress_of_steps(model, steps), keeps_store, at_end)


def rows_of_edit(model, clip, controller, latent=None):
    """What P2P Apply gives a sampler, for another model than its own."""
    return for_any_model(*applied(model, clip, controller, latent)[1:])


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_it_makes_the_picture_that_we_make(tiny, kind):
    model, clip, _ = tiny
    controller = kind(clip)
    ours, *inputs = applied(model, clip, controller, empty_latent(width=96, height=128))
    expected = sample(ours, *inputs)
    assert relative(sample(published(model, controller), *for_any_model(*inputs)), expected) < 1e-5
    assert relative(sample(model, *for_any_model(*inputs)), expected) > 1e-3


def test_keeping_maps_changes_no_picture(tiny):
    model, clip, _ = tiny
    controller = following(clip)
    inputs = rows_of_edit(model, clip, controller)
    pictures = [sample(published(model, controller, keeps_store), *inputs) for keeps_store in (False, True)]
    assert torch.equal(*pictures)


def test_refine_is_gathered_and_replace_is_mapped_as_published(tiny):
    _, clip, _ = tiny
    tables = {name: tables_of(edits_of(KINDS[name](clip)), (0.0,)) for name in ("refine", "replace", "reweight")}
    assert tables["refine"].mapper is None and tables["refine"].gathered is not None
    assert tables["replace"].mapper is not None and tables["replace"].gathered is None
    assert tables["reweight"].mapper is None and tables["reweight"].gathered is None


def test_what_was_not_published_is_refused(tiny):
    _, clip, _ = tiny
    with pytest.raises(ValueError, match="moves no words"):
        tables_of(edits_of(moved(clip)), (0.0,))
    with pytest.raises(ValueError, match="coarse grids"):
        tables_of(edits_of(following(clip, self_grids="all")), (0.0,))


@pytest.mark.parametrize("grids", [(34, 17), (32, 16)], ids=str)
def test_the_store_holds_every_layer_up_to_32x32_and_the_negative_half_of_it(shapes, grids):
    model, clip = shapes
    controller = following(clip)
    latent = 2 * grids[0]
    inputs = rows_of_edit(model, clip, controller, empty_latent(width=8 * latent, height=8 * latent))
    found = {}

    def look(store):
        assert store.step_store == {}
        found.update(store.attention_store)

    with counting_shapes():
        sample(published(model, controller, at_end=look, steps=2), *inputs, steps=2)
    sites = sites_of(model.model.diffusion_model, latent, latent, 77)
    assert {site.queries for site in sites} == {side**2 for side in grids}
    kept = [site for site in sites if site.queries <= 32**2]
    held = sum(maps.untyped_storage().nbytes() for layers in found.values() for maps in layers)
    assert held == stored_bytes(sites, rows=2, dtype=torch.float32)
    assert held == 4 * sum(4 * site.heads * site.queries * site.tokens for site in kept)
    for place in {site.place for site in kept}:
        expected = [(2 * site.heads, site.queries, site.tokens) for site in kept if site.place == place]
        assert [tuple(maps.shape) for maps in found.pop(place)] == expected
    assert not found


def test_the_store_sums_over_the_steps_and_over_nothing_else(tiny):
    model, clip, _ = tiny
    controller = following(clip)
    inputs = rows_of_edit(model, clip, controller)
    sums = []

    def look(store):
        sums.extend(maps.sum(-1) for layers in store.attention_store.values() for maps in layers)

    sample(published(model, controller, at_end=look), *inputs)
    assert sums
    for total in sums:  # inherited columns and own ones need not sum to 1 in a replaced map; the source's do
        source = total[: total.shape[0] // 2]
        assert torch.allclose(source, torch.full_like(source, STEPS), atol=1e-4)


@pytest.mark.parametrize(("latent", "keeps_store"), [(64, True), (68, True), (68, False)])
def test_needed_memory_is_what_a_run_is_counted_to_take(shapes, latent, keeps_store):
    model, clip = shapes
    controller = following(clip)
    inputs = rows_of_edit(model, clip, controller, empty_latent(width=8 * latent, height=8 * latent))
    peaks = []
    for sampled in (model, published(model, controller, keeps_store, steps=2)):
        with counting_shapes() as counting:
            sample(sampled, *inputs, steps=2)
        peaks.append(counting.counts.peak_bytes)
    sites = sites_of(model.model.diffusion_model, latent, latent, 77)
    needed = needed_bytes(sites, rows=2, dtype=torch.float32, keeps_store=keeps_store)
    plain, counted = peaks
    assert needed <= counted <= needed + plain


def test_nothing_holds_maps_after_a_run(shapes):
    model, clip = shapes
    controller = following(clip)
    inputs = rows_of_edit(model, clip, controller)
    patched = published(model, controller, steps=2)
    with counting_shapes() as counting:
        picture = sample(patched, *inputs, steps=2)
        live = counting.counts.live_bytes
    smallest = min(site.map_bytes(4, torch.float32) for site in sites_of(model.model.diffusion_model, 16, 16, 77))
    assert live < picture.untyped_storage().nbytes() + smallest


def test_needed_memory_by_hand():
    coarse = Site("mid_self", 20, 32**2, 32**2)
    fine = Site("up_self", 10, 64**2, 64**2)
    kept, working = 4 * 20 * 1024**2 * 2, 2 * 4 * 10 * 4096**2 * 2  # rows · heads · queries · tokens · bytes
    assert needed_bytes([coarse, fine], 2, torch.float16, keeps_store=False) == working
    assert needed_bytes([coarse, fine], 2, torch.float16) == working + 2 * kept
    assert needed_bytes([fine, coarse], 2, torch.float16) == working + kept  # the sum alone, when the finest runs


def test_the_sites_of_the_real_architectures():
    def counted(architecture, side):
        network = build(architecture, torch.float16, torch.device("meta")).diffusion_model
        queries = [site.queries for site in sites_of(network, side, side, 77) if site.place.endswith("_cross")]
        return {grid: queries.count(grid) for grid in set(queries)}

    assert counted(SDXL, 128) == {64**2: 10, 32**2: 60}
    assert counted(SD15, 64) == {64**2: 5, 32**2: 5, 16**2: 5, 8**2: 1}
    assert sum(counted(SSD_1B, 128).values()) == 2 * 2 + 2 * 4 + 4 + 18
