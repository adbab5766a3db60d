"""Invariants 2 and 5: the same noise in all rows under every stock sampler, and a source that knows of no targets."""

import comfy.samplers
import pytest
import torch

from .graph import SOURCE, applied, empty_latent, for_any_model, plain_text, relative, replace_controller, sample, text

# Its step size comes from an error norm over the whole batch, so rows are not independent.
ROWS_SHARE_STEPS = {"dpm_adaptive"}
SAMPLERS = comfy.samplers.KSampler.SAMPLERS


def same_prompts(tiny):
    model, clip, _ = tiny
    return applied(model, clip, replace_controller(clip, SOURCE, SOURCE), empty_latent(batch=2))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_invariant_5_rows_of_a_group_get_the_same_noise(tiny, sampler):
    """Source and target of the same prompt can differ by nothing but noise."""
    samples = sample(*same_prompts(tiny), sampler=sampler, steps=4)
    assert relative(samples[1], samples[0]) < 1e-6
    assert relative(samples[3], samples[2]) < 1e-6
    assert relative(samples[2], samples[0]) > 1e-2


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in ROWS_SHARE_STEPS])
def test_invariant_2_sources_are_what_the_seed_gives_alone(tiny, sampler):
    model, clip, _ = tiny
    edited = sample(*applied(model, clip, replace_controller(clip), empty_latent(batch=2)), sampler=sampler)
    alone = sample(model, text(clip, SOURCE), plain_text(clip, ""), empty_latent(batch=2), sampler=sampler)
    assert relative(edited[0::2], alone) < 1e-5


@pytest.mark.parametrize("sampler", ["euler_ancestral", "dpmpp_2m_sde", "dpmpp_sde", "lcm", "sa_solver"])
def test_a_plain_batch_would_have_drifted_apart(tiny, sampler):
    """What the test above would see without the tie: the samplers that draw noise give every row its own."""
    _, positive, negative, latent = same_prompts(tiny)
    plain = sample(tiny[0], *for_any_model(positive, negative, latent), sampler=sampler)
    assert relative(plain[1], plain[0]) > 1e-2


def test_the_host_s_sampler_options_are_as_before_a_run(tiny):
    sampler = comfy.samplers.sampler_object("euler_ancestral")
    before = sampler.extra_options
    model, positive, negative, latent = same_prompts(tiny)
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "normal", 2)
    noise = torch.randn(latent["samples"].shape)
    guider.sample(noise, latent["samples"], sampler, sigmas, seed=1)
    assert sampler.extra_options is before
    assert before == {}
