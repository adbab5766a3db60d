"""The invariants of design, section 5, for every kind of edit; ``test_invariants`` has those of one."""

import comfy.samplers
import pytest
import torch
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.refine import P2PRefineController

from .graph import SOURCE, applied, empty_latent, outputs, plain_text, relative, rows_of, sample, text
from .kinds import KINDS, LEFT_HALF, blended, combined, following, moved, prompts_of, refined, reweighted
from .tiny_models import sdxl_shaped

SAMPLERS = comfy.samplers.KSampler.SAMPLERS
every_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("smallest")


def inputs_of(small, controller, latent=None):
    return applied(*small[:2], controller, latent or empty_latent(64, 64))


def plain(small, inputs, controller, **settings) -> torch.Tensor:
    """The rows of an edit without it: the same batch on the unpatched model."""
    _, _, negative, latent = inputs
    return sample(small[0], rows_of(*prompts_of(controller)), negative, latent, **settings)


IDENTITIES = {
    "refine, empty windows": lambda clip: refined(clip, window=(0.5, 0.5)),
    "refine, same prompts": lambda clip: following(clip, P2PRefineController, target=SOURCE),
    "replace, off and no cross window": lambda clip: following(clip, window=(0.0, 0.0), self_attention="off"),
    "mutual, empty windows": lambda clip: following(clip, window=(0.3, 0.3), self_attention="mutual", self_grids="all"),
    "replace, word windows that are empty": lambda clip: following(
        clip, window=(0.0, 0.0), word_windows="dog: 0.4-0.4"
    ),
    "reweight by 1": lambda clip: reweighted("cat: 1\ngrass: 1 @ 0-0.5", clip),
    "reweight by nothing": lambda clip: reweighted("", clip),
    "reweight in an empty window": lambda clip: reweighted("cat: 3 @ 0.5-0.5", clip),
    "reweight by 2 and 0.5": lambda clip: reweighted("cat: 2\ncat: 0.5", clip),
    "move by 0": lambda clip: moved(clip, x=0.0, y=0.0, scale=1.0),
    "move in an empty window": lambda clip: moved(clip, window=(0.2, 0.2)),
    "move by 0 on an empty replace": lambda clip: moved(
        controller=following(clip, window=(0.0, 0.0)), word="dog", x=0.0, y=0.0, scale=1.0
    ),
    "two identities": lambda clip: combined(following(clip, target=SOURCE), reweighted("cat: 1", clip)),
}


@pytest.mark.parametrize("make", IDENTITIES.values(), ids=IDENTITIES)
def test_invariant_1_identities_are_bit_equal_to_the_unpatched_model(small, make):
    controller = make(small[1])
    inputs = inputs_of(small, controller)
    assert torch.equal(sample(*inputs), plain(small, inputs, controller))


def stored(model):
    """The model with a store of everything."""
    settings = {"words": "", "prompt": "both", "largest_grid": "all", "start": 0.0, "end": 1.0, "keep_steps": True}
    return outputs(P2PAttentionStore, model=model, **settings)


def test_invariant_1_a_store_only_looks(small):
    model, clip, _ = small
    prompt, latent = text(clip, SOURCE), empty_latent(64, 64)
    watching, store = stored(model)
    found = sample(watching, prompt, text(clip, "blurry"), latent)
    assert torch.equal(found, sample(model, prompt, text(clip, "blurry"), latent))
    assert store.record.rows


@every_kind
def test_a_store_beside_an_edit_only_looks(small, make):
    """Edits are made after the projections then, where they can be seen: the same but for rounding."""
    model, *inputs = inputs_of(small, make(small[1]))
    watching, store = stored(model)
    assert relative(sample(watching, *inputs), sample(model, *inputs)) < 1e-6
    assert store.record.rows


@every_kind
def test_every_kind_edits(small, make):
    """What the tests here compare would be equal without an edit too."""
    controller = make(small[1])
    inputs = inputs_of(small, controller)
    difference = sample(*inputs) - plain(small, inputs, controller)
    assert all(float(row.norm()) > 1e-2 for row in difference[1:])


@every_kind
def test_invariant_2_no_edit_touches_its_source(small, make):
    """Nor the sources of the other pictures."""
    controller = make(small[1])
    inputs = inputs_of(small, controller, empty_latent(64, 64, batch=2))
    edited, same_rows = sample(*inputs), plain_of_pictures(small, inputs, controller)
    rows = controller.rows
    assert torch.equal(edited[::rows], same_rows[::rows])
    alone = sample(small[0], text(small[1], SOURCE), plain_text(small[1], ""), empty_latent(64, 64, batch=2))
    assert relative(edited[::rows], alone) < 1e-5


def plain_of_pictures(small, inputs, controller) -> torch.Tensor:
    return sample(small[0], rows_of(*prompts_of(controller)), *inputs[2:])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_invariant_5_two_targets_get_the_noise_of_their_source(small, sampler):
    """Rows of one prompt can differ by nothing but noise."""
    same = following(small[1], target=SOURCE)
    samples = sample(*inputs_of(small, combined(same, same), empty_latent(64, 64, batch=2)), sampler=sampler)
    for source in (0, 3):
        assert relative(samples[source + 1], samples[source]) < 1e-6
        assert relative(samples[source + 2], samples[source]) < 1e-6
    assert relative(samples[3], samples[0]) > 1e-2


WINDOWED = {
    "replace": lambda clip, window: following(clip, window=window),
    "replace, one word": lambda clip, window: following(
        clip, window=(0.0, 0.0), word_windows=f"dog: {window[0]:f}-{window[1]:f}"
    ),
    "refine": lambda clip, window: refined(clip, window=window),
    "mutual": lambda clip, window: following(clip, window=window, self_attention="mutual", self_grids="all"),
    "reweight": lambda clip, window: reweighted(
        f"dog: 2.5 @ {window[0]:f}-{window[1]:f}", controller=following(clip, window=window)
    ),
    "move": lambda clip, window: moved(clip, window=window),
    "combine": lambda clip, window: combined(following(clip, window=window), moved(clip, window=window)),
}
every_window = pytest.mark.parametrize("make", WINDOWED.values(), ids=WINDOWED)


@every_window
@pytest.mark.parametrize(("steps", "edited"), [(1, 0), (1, 1), (2, 1), (3, 1), (3, 2), (4, 3), (4, 4)])
def test_invariant_6_a_window_to_k_of_n_edits_the_first_k_steps(small, make, steps, edited):
    """It equals an edit without an end, stopped by hand after k steps."""
    inputs = inputs_of(small, make(small[1], (0.0, edited / steps)))
    evenly = {"steps": steps, "scheduler": "sgm_uniform"}  # the i-th of N steps starts at i/N
    found = sample(*inputs, **evenly)
    always = make(small[1], (0.0, 1.0))
    model, positive, negative, latent = inputs_of(small, always)
    if edited:
        half = sample(model, positive, negative, latent, **evenly, last_step=edited, force_full_denoise=False)
        latent = {**latent, "samples": half}
    rows = rows_of(*prompts_of(always))
    rest = {"start_step": edited, "disable_noise": edited > 0}
    expected = latent["samples"]
    if edited < steps:
        expected = sample(small[0], rows, negative, latent, **evenly, **rest)
    assert relative(found, expected) < 1e-6


@every_window
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_invariant_6_windows_that_have_passed_at_the_start_do_nothing(small, make, steps):
    """At denoise 0.5 progress starts at one half, however many steps follow."""
    noisy = {"samples": torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))}
    controller = make(small[1], (0.0, 0.45))
    inputs = inputs_of(small, controller, noisy)
    rows = rows_of(*prompts_of(controller))
    half = {"steps": steps, "scheduler": "sgm_uniform", "denoise": 0.5}
    expected = sample(small[0], rows, *inputs[2:], **half)
    assert torch.equal(sample(*inputs, **half), expected)
    late = inputs_of(small, make(small[1], (0.0, 0.55)), noisy)
    assert relative(sample(*late, **half)[1:], expected[1:]) > 1e-4


# The maps of a blend by words are those of a stage: each stage of a split run sees its own.
SPLIT = {name: make for name, make in KINDS.items() if name != "blend"}


@pytest.mark.parametrize("make", SPLIT.values(), ids=SPLIT)
@pytest.mark.parametrize("at", [1, 3])
def test_invariant_6_a_split_sampling_equals_a_whole_one(small, make, at):
    inputs = inputs_of(small, make(small[1]))
    model, positive, negative, latent = inputs
    first = sample(*inputs, start_step=0, last_step=at, force_full_denoise=False)
    rest = sample(model, positive, negative, {**latent, "samples": first}, start_step=at, disable_noise=True)
    assert relative(rest, sample(*inputs)) < 1e-6


@every_kind
@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m_sde", "uni_pc"])
def test_a_run_repeats_to_the_bit(small, make, sampler):
    inputs = inputs_of(small, make(small[1]))
    first = sample(*inputs, sampler=sampler, steps=3)
    assert torch.equal(sample(*inputs, sampler=sampler, steps=3), first)
    again = inputs_of(small, make(small[1]))
    assert torch.equal(sample(*again, sampler=sampler, steps=3), first)


def test_a_controller_is_never_changed(small):
    """Nodes that add to one give out another: one controller may feed several branches of a graph."""
    clip = small[1]
    controller = following(clip)
    before = sample(*inputs_of(small, controller))
    for other in (
        reweighted("dog: 3", controller=controller),
        moved(controller=controller, word="dog"),
        blended(controller, mask=LEFT_HALF),
        combined(controller, controller),
    ):
        sample(*inputs_of(small, other), steps=2)
    assert torch.equal(sample(*inputs_of(small, controller)), before)


@pytest.mark.parametrize(("masks", "pictures"), [(1, 2), (2, 2), (2, 3), (3, 1)])
def test_invariant_9_a_noise_mask_is_that_of_the_picture_for_source_and_target(small, masks, pictures):
    """The host goes through masks in turn: the pictures, not the rows of this pack, are counted."""
    clip = small[1]
    generator = torch.Generator().manual_seed(3)
    latent = {
        "samples": torch.randn(pictures, 4, 8, 8, generator=generator),
        "noise_mask": (torch.rand(masks, 1, 8, 8, generator=generator) > 0.5).float(),
    }
    found = sample(*inputs_of(small, following(clip), latent), denoise=0.9)
    alone = sample(small[0], text(clip, SOURCE), plain_text(clip, ""), latent, denoise=0.9)
    assert relative(found[::2], alone) < 1e-5
    kept = latent["noise_mask"][torch.arange(pictures) % masks].expand(-1, 4, -1, -1) == 0
    assert (found[1::2][kept] - latent["samples"][kept]).abs().max() < 1e-5
