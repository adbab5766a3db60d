"""What the published implementations get wrong while sampling, each by its row in the list of known pitfalls.

``tests/test_pitfalls_table.py`` has the list; what concerns prompts and masks is in ``tests/core``.
"""

import comfy.samplers
import pytest
import torch
from p2p.nodes._host.run import Run
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.p2p_core.errors import P2PError

from .graph import SOURCE, TARGET, applied, empty_latent, outputs, plain_text, relative, rows_of, sample, text
from .kinds import KINDS, blended, combined, following, moved, prompts_of, refined, reweighted
from .oracle import with_explicit_maps

WITHOUT_BLEND = {name: make for name, make in KINDS.items() if "blend" not in name}
CHOOSE_THEIR_STEPS = ("dpm_fast", "dpm_adaptive")


def explicit_and_plain(tiny, controller, latent=None, **settings):
    """An edit's latents, those with explicit maps, and those of the same rows without it."""
    model, clip, _ = tiny
    patched, merged, negative, latent = applied(model, clip, controller, latent or empty_latent(64, 64))
    (entry,) = controller.entries
    oracle = with_explicit_maps(model, entry.controller.edits)
    rows = rows_of(*prompts_of(controller))
    found = sample(patched, merged, negative, latent, **settings)
    return (
        found,
        sample(oracle, merged, negative, latent, **settings),
        sample(model, rows, negative, latent, **settings),
    )


def test_pitfall_05_an_edit_that_its_blend_takes_away_is_said(tiny):
    """Random weights look at all words everywhere, so that a word to keep is everywhere: the target is its source."""
    model, clip, _ = tiny
    lost = blended(following(clip), keep_words="grass")
    with pytest.raises(P2PError, match=r"The mask of the local blend \(.*\) is empty, so the edit is lost"):
        sample(*applied(model, clip, lost, empty_latent(64, 64)))


@pytest.mark.parametrize("name", WITHOUT_BLEND)
@pytest.mark.parametrize("cfg", [1.0, 0.5, 5.0])
def test_pitfall_07_cfg_off_edits_target_rows_and_mixes_no_heads(tiny, name, cfg):
    """Without guidance the batch is half as long; what it holds is the positive, and its rows are not heads."""
    found, expected, plain = explicit_and_plain(tiny, KINDS[name](tiny[1]), cfg=cfg)
    assert torch.equal(found[0], plain[0])
    assert relative(found, expected) < 2e-6
    assert relative(plain[1:], expected[1:]) > 5e-5


def own_noise(*shape: int) -> torch.Tensor:
    """Another one in every row, as a noise node of another pack may give."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(11))


def sampled_with(noise, model, positive, negative, latent, sampler="euler") -> torch.Tensor:
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(5.0)
    sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "normal", 3)
    return guider.sample(noise, latent["samples"], comfy.samplers.sampler_object(sampler), sigmas, seed=1)


@pytest.mark.parametrize("sampler", ["euler", "euler_ancestral", "dpmpp_2m_sde"])
@pytest.mark.parametrize("targets", [1, 2, 3])
def test_pitfalls_08_and_09_all_targets_start_from_their_source_s_noise(tiny, targets, sampler):
    """Also where the noise comes from a node that knows nothing of groups; of the same prompt all are one picture."""
    model, clip, _ = tiny
    same = following(clip, target=SOURCE)
    controller = same
    for _ in range(targets - 1):
        controller = combined(controller, same)
    patched, *inputs = applied(model, clip, controller, empty_latent(64, 64, batch=2))
    noise = own_noise(2 * (1 + targets), 4, 8, 8)
    samples = sampled_with(noise, patched, *inputs, sampler).unflatten(0, (2, 1 + targets))
    for group in samples:
        for target in group[1:]:
            assert relative(target, group[0]) < 1e-6
    assert relative(samples[1, 0], samples[0, 0]) > 1e-2
    plain = sampled_with(noise, model, rows_of(*prompts_of(controller)), *inputs[1:], sampler)
    assert relative(plain[1], plain[0]) > 1e-2


def test_pitfall_09_a_group_of_one_prompt_needs_no_second(tiny):
    model, clip, _ = tiny
    samples = sample(*applied(model, clip, reweighted("cat: 2", clip), empty_latent(64, 64)))
    assert len(samples) == 2


SETTINGS = {
    "cross_start": lambda clip: following(clip, cross_start=0.5),
    "cross_end": lambda clip: following(clip, cross_end=0.3),
    "self_start": lambda clip: following(clip, self_start=0.2),
    "self_end": lambda clip: following(clip, self_end=0.9),
    "word_windows": lambda clip: following(clip, word_windows="dog: 0-0.2"),
    "self_attention": lambda clip: following(clip, self_attention="mutual"),
    "self_grids": lambda clip: following(clip, self_grids="all"),
}


@pytest.mark.parametrize("make", SETTINGS.values(), ids=SETTINGS)
def test_pitfall_08_every_setting_of_the_user_acts(tiny, make):
    """Where names differ between a pipeline and its controller, values of users are ignored."""
    model, clip, _ = tiny
    default = sample(*applied(model, clip, following(clip), empty_latent(64, 64)))
    found = sample(*applied(model, clip, make(clip), empty_latent(64, 64)))
    assert torch.equal(found[0], default[0])
    assert relative(found[1], default[1]) > 1e-5


@pytest.mark.parametrize("scales", ["hippopotamus: 2", "fluffy: -1\nhippopotamus: 3 @ 0-0.5", "fluffy hippopotamus: 0"])
def test_pitfall_10_words_of_several_tokens_and_several_words(tiny, scales):
    prompt = "a photo of a fluffy hippopotamus eating a cheeseburger"
    controller = reweighted(scales, tiny[1], prompt=prompt)
    assert len(controller.entries[0].controller.edits[0].target.find("hippopotamus")) > 1
    found, expected, plain = explicit_and_plain(tiny, controller)
    assert relative(found, expected) < 1e-5
    assert relative(plain[1], expected[1]) > 1e-4


@pytest.mark.parametrize(("width", "height"), [(48, 112), (112, 48), (72, 128), (136, 64)])
def test_pitfall_11_self_attention_is_injected_in_portrait_and_landscape(tiny, width, height):
    """The portrait of 768×1344 lost it where the limit was the square of one side."""
    controller = following(tiny[1], cross_end=0.0, self_end=1.0)
    found, expected, plain = explicit_and_plain(tiny, controller, empty_latent(width, height), steps=2)
    assert relative(found, expected) < 1e-5
    assert relative(plain[1], expected[1]) > 1e-4


@pytest.mark.parametrize(("width", "height"), [(64, 128), (128, 64)])
def test_pitfall_11_a_drawn_mask_is_not_transposed(tiny, width, height):
    model, clip, _ = tiny
    mask = torch.zeros(1, height, width)
    mask[:, : height // 2, : width // 4] = 1
    controller = blended(following(clip), mask=mask, mask_mode="instead", start=0.0)
    source, target = sample(*applied(model, clip, controller, empty_latent(width, height)))
    inside = mask[0, ::8, ::8].bool()
    assert torch.equal(target[:, ~inside], source[:, ~inside])
    assert (target - source)[:, inside].abs().min() > 0


STOCK = [name for name in comfy.samplers.KSampler.SAMPLERS if name not in CHOOSE_THEIR_STEPS]


@pytest.mark.parametrize("sampler", STOCK)
def test_pitfall_14_the_step_is_that_of_the_noise_level(tiny, sampler, monkeypatch):
    """Whatever draws noise or calls the model twice: a counter of calls would be at the end in the middle."""
    seen = []
    original = Run.operators_of_chunks

    def spying(run, tensor, options):
        seen.append((run.step, float(options["sigmas"][0])))
        return original(run, tensor, options)

    monkeypatch.setattr(Run, "operators_of_chunks", spying)
    model, clip, _ = tiny
    sample(*applied(model, clip, following(clip), empty_latent(64, 64)), sampler=sampler, scheduler="karras")
    sigmas = comfy.samplers.KSampler(model, 4, "cpu", sampler, "karras").sigmas.tolist()
    assert [step for step, _ in seen] == sorted(step for step, _ in seen)
    assert {step for step, _ in seen} == set(range(4))
    for step, level in seen:
        assert sigmas[step] * 1.0001 > level
        assert level > sigmas[step + 1] * 0.9999 or step == 3


@pytest.mark.parametrize("sampler", ["euler", "heun", "dpm_2", "ddim", "uni_pc"])
@pytest.mark.parametrize("edited", [1, 2, 3])
def test_pitfall_14_a_window_ends_with_its_step_however_often_the_model_is_called(tiny, sampler, edited):
    """The explicit maps know no steps but the noise level of every call."""
    controller = following(tiny[1], window=(0.0, edited / 4))
    evenly = {"sampler": sampler, "scheduler": "sgm_uniform", "steps": 4}
    found, expected, plain = explicit_and_plain(tiny, controller, **evenly)
    assert relative(found, expected) < 1e-5
    assert relative(plain[1], expected[1]) > 1e-4


@pytest.mark.parametrize("name", WITHOUT_BLEND)
def test_pitfall_15_layers_that_are_skipped_in_some_steps(tiny, name, monkeypatch):
    """A counter of layers would give all later ones the maps of others."""
    from comfy.ldm.modules.attention import BasicTransformerBlock

    original = BasicTransformerBlock.forward

    def skipping(block, x, context=None, transformer_options=None):
        place = (*transformer_options["block"], transformer_options["block_index"])
        is_skipped = float(transformer_options["sigmas"][0]) < 5 and place in {("input", 7, 0), ("middle", 0, 1)}
        return x if is_skipped else original(block, x, context, transformer_options)

    whole = sample(*applied(*tiny[:2], KINDS[name](tiny[1]), empty_latent(64, 64)))
    monkeypatch.setattr(BasicTransformerBlock, "forward", skipping)
    found, expected, plain = explicit_and_plain(tiny, KINDS[name](tiny[1]))
    assert relative(found, expected) < 1e-5
    assert relative(plain[1:], expected[1:]) > 1e-4
    assert relative(whole, found) > 1e-4


@pytest.mark.parametrize("name", WITHOUT_BLEND)
def test_pitfall_15_conditions_in_separate_passes(tiny, name, monkeypatch):
    import comfy.model_management

    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda *args, **named: 0)
    found, expected, plain = explicit_and_plain(tiny, KINDS[name](tiny[1]))
    assert relative(found, expected) < 1e-5
    assert relative(plain[1:], expected[1:]) > 1e-4


def test_pitfall_16_chunks_and_weights_of_the_host_s_own_encoder(tiny):
    long = " and ".join(["a (wide:1.2) green field under a blue sky"] * 12)
    controller = following(tiny[1], source=f"a (cat:1.3), {long}", target=f"a (dog:0.8), {long}")
    assert controller.entries[0].source[0].shape[1] > 77
    found, expected, plain = explicit_and_plain(tiny, controller)
    assert relative(found, expected) < 1e-5
    assert relative(plain[1], expected[1]) > 1e-4


def test_pitfall_17_what_is_stored_pins_no_other_memory(tiny):
    model, clip, _ = tiny
    patched, *inputs = applied(model, clip, combined(following(clip), refined(clip)), empty_latent(64, 64))
    settings = {"words": "grass", "prompt": "both", "largest_grid": "all", "start": 0.0, "end": 1.0}
    watching, store = outputs(P2PAttentionStore, model=patched, **settings, keep_steps=True, self_maps=True)
    inputs[1] = text(clip, "grass")
    sample(watching, *inputs)
    tensors = list(store.record.tensors())
    assert len(store.record.rows) == 6
    assert {tensor.data_ptr() for tensor in tensors} == {tensor.untyped_storage().data_ptr() for tensor in tensors}
    owned = sum(tensor.untyped_storage().nbytes() for tensor in tensors)
    assert owned == store.get_ram_usage()


@pytest.mark.parametrize("make", [following, refined, moved], ids=["replace", "refine", "move"])
def test_pitfall_18_source_and_targets_have_latents_of_their_own(tiny, make):
    """Both branches evolve: each step's target latent is its own, and the source's is that of the source alone."""
    model, clip, _ = tiny

    def watched(model, positive, negative, latent):
        seen = []

        def wrapper(function, call):
            seen.append(call["input"].clone())
            return function(call["input"], call["timestep"], **call["c"])

        watching = model.clone()
        watching.set_model_unet_function_wrapper(wrapper)
        sample(watching, positive, negative, latent, cfg=1.0)
        return seen

    edited = watched(*applied(model, clip, make(clip), empty_latent(64, 64)))
    alone = watched(model, text(clip, SOURCE), plain_text(clip, ""), empty_latent(64, 64))
    assert len(edited) == len(alone) == 4
    for step, ((source, target), (own,)) in enumerate(zip(edited, alone, strict=True)):
        assert relative(source, own) < 1e-5
        assert torch.equal(target, source) == (step == 0)


def test_pitfall_18_a_target_that_inherits_nothing_is_its_prompt_alone(tiny):
    """Were it denoised from the source's latents, it would be the source."""
    model, clip, _ = tiny
    found = sample(*applied(model, clip, following(clip, window=(0.0, 0.0)), empty_latent(64, 64)))
    alone = sample(model, text(clip, TARGET), plain_text(clip, ""), empty_latent(64, 64))
    assert relative(found[1:], alone) < 1e-5
    assert relative(found[1], found[0]) > 1e-3
