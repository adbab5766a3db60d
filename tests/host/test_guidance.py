"""Attention guidance under the host's own sampler: what it changes, what it leaves as it was, and where it acts."""

import comfy.samplers
import comfy.utils
import pytest
import torch
from comfy.model_management import InterruptProcessingException
from p2p.benchmarks.guidance_memory import guidance_costs
from p2p.benchmarks.models import SDXL, text_encoder
from p2p.benchmarks.shapes_only import on_meta
from p2p.nodes._host import guiding_pass
from p2p.nodes._host.guiding_pass import GradientPass
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.mini_extras import P2PMiniControlNet
from p2p.nodes.mini_sdxl import P2PMiniSDXL

import nodes as host_nodes

from .graph import applied, empty_latent, outputs, plain_text, relative, replace_controller, sample, text
from .guided import PROMPT, counted_gradients, guided, run
from .kinds import LEFT_HALF, blended
from .tiny_models import sdxl_shaped
from .tiny_sdxl import tiny_sdxl

OFF = {"scale 0": {"scale": 0.0}, "between two steps": {"start": 0.4, "end": 0.5}}


@pytest.fixture(scope="module")
def small():
    """(model, clip, vae): fewer layers, made in inference mode as a loader does."""
    with torch.inference_mode():
        return sdxl_shaped("small")


@pytest.mark.parametrize("settings", OFF.values(), ids=OFF)
def test_off_is_the_plain_run_to_the_bit_and_takes_no_gradient(small, monkeypatch, settings):
    model, clip, _ = small
    with counted_gradients(monkeypatch) as taken:
        assert torch.equal(run(guided(model, **settings), clip), run(model, clip))
    assert taken == []


def test_gradients_are_taken_in_the_window_only_and_as_often_as_asked(small, monkeypatch):
    model, clip, _ = small
    with counted_gradients(monkeypatch) as taken:
        changed = run(guided(model, end=0.5, iterations=3), clip, steps=4)
    assert taken == [(1, 4, 16, 16)] * 2 * 3
    assert relative(changed, run(model, clip, steps=4)) > 1e-3


def test_the_steps_after_the_window_are_those_of_a_plain_run(small):
    model, clip, _ = small
    positive, negative, latent = text(clip, PROMPT), plain_text(clip, ""), empty_latent()
    seen = []

    def run_to(model, **settings):
        return host_nodes.common_ksampler(
            model, 1, 4, 5.0, "euler", "normal", positive, negative, settings.pop("latent", latent), **settings
        )[0]

    half = run_to(guided(model), last_step=2, force_full_denoise=False)
    seen.append(run_to(model, latent=half, start_step=2, disable_noise=True)["samples"])
    seen.append(run_to(guided(model), latent=half, start_step=2, disable_noise=True)["samples"])
    assert torch.equal(*seen)


@pytest.mark.parametrize("settings", [{}, {"objective": "be here", "words": "car"}, {"objective": "be this big"}])
def test_what_was_missing_becomes_less(small, monkeypatch, settings):
    """The loss before every update, at the first step, where the latents are changed by nothing else."""
    model, clip, _ = small
    losses, change = [], guiding_pass.GradientPass.__call__

    def noting(*args, **kwargs):
        found = change(*args, **kwargs)
        losses.append(float(found[0].sum()))
        return found

    monkeypatch.setattr(guiding_pass.GradientPass, "__call__", noting)
    run(guided(model, end=0.1, iterations=5, **settings), clip)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] * 0.99


@pytest.mark.parametrize("latent", [(128, 128), (64, 128)])
def test_with_and_without_checkpoints_the_gradient_is_the_same(small, monkeypatch, latent):
    model, clip, _ = small
    results = []
    for checkpoint in (True, False):
        with monkeypatch.context() as patch:
            patch.setattr(GradientPass.__init__, "__defaults__", (checkpoint,))
            results.append(run(guided(model, largest_grid="all"), clip, latent=empty_latent(*latent)))
    assert torch.equal(*results)


def test_the_model_is_left_as_it_was(small):
    model, clip, _ = small
    network = model.model.diffusion_model
    before = {name: value.clone() for name, value in network.state_dict().items()}
    plain = run(model, clip)
    run(guided(model), clip)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert set(network.state_dict()) == set(before)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert torch.equal(run(model, clip), plain)


class _Failure(Exception):
    pass


@pytest.mark.parametrize("error", [_Failure, InterruptProcessingException])
@pytest.mark.parametrize("place", ["forward", "backward"])
def test_a_failure_inside_a_gradient_leaves_everything_as_it_was(small, error, place):
    model, clip, _ = small
    network, plain = model.model.diffusion_model, run(model, clip)
    calls = []
    failing = model.clone()

    def patch(hidden, context, value, options):
        is_again = torch.is_grad_enabled() and options["block"][0] == "input" and options["block"] in calls
        calls.append(options["block"])
        if torch.is_grad_enabled() and (is_again or place == "forward"):
            raise error
        return hidden, context, value

    failing.set_model_attn2_patch(patch)
    with pytest.raises(error):
        run(guided(failing), clip)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert _keeps_tensors()
    assert torch.is_inference_mode_enabled()
    assert torch.equal(run(model, clip), plain)


def _keeps_tensors() -> bool:
    """Whether no hook stands between a graph and the tensors it keeps."""
    with torch.inference_mode(False), torch.enable_grad():
        x = torch.ones(2, requires_grad=True)
        return torch.equal((x * x).grad_fn._saved_self, x)


def test_every_row_is_guided_by_itself(small):
    model, clip, _ = small
    both = run(guided(model), clip, latent=empty_latent(batch=2))
    first = run(guided(model), clip, latent=empty_latent())
    assert relative(both[:1], first) < 1e-4
    assert relative(both[1:], both[:1]) > 1e-2


@pytest.mark.parametrize("order", ["before P2P Apply", "after it"])
def test_source_and_target_of_an_edit_are_guided(small, order):
    """Each by its own words: the source as it would be alone, the target as without an edit where nothing is edited."""
    model, clip, _ = small
    source, target = PROMPT, "a red car and a blue dog on grass"
    never = {"cross_end": 0.0, "self_end": 0.0, "word_windows": ""}
    controller = replace_controller(clip, source, target, **never)
    first = guided(model, words="car, cat") if order == "before P2P Apply" else model
    patched, *others = applied(first, clip, controller)
    if order == "after it":
        patched = guided(patched, words="car, cat")
    result = sample(patched, *others)
    assert relative(result[:1], run(guided(model, words="car, cat"), clip)) < 1e-4
    assert relative(result[1:], run(guided(model, words="car"), clip, target)) < 1e-4


def test_an_edit_is_still_an_edit(small):
    model, clip, _ = small
    swap = replace_controller(clip, PROMPT, "a red car and a blue dog on grass")
    controller = blended(swap, mask=LEFT_HALF, mask_mode="instead")
    result = sample(*applied(guided(model, words="car"), clip, controller))
    difference = (result[1] - result[0]).abs().amax(0)
    assert float(difference[:, 8:].max()) < 1e-5
    assert float(difference[:, :8].max()) > 1e-3


def test_a_store_records_the_maps_of_the_run_and_not_those_of_the_gradient(small):
    model, clip, _ = small
    settings = {"words": "car", "prompt": "positive", "largest_grid": "coarse", "start": 0.0, "end": 1.0}
    maps = []
    for order in ("outside", "inside"):
        first = guided(model) if order == "outside" else model
        watched, store = outputs(P2PAttentionStore, model=first, keep_steps=True, **settings)
        run(watched if order == "outside" else guided(watched), clip)
        maps.append(store.record.rows[0].maps)
        assert not maps[-1].requires_grad
    assert torch.equal(*maps)


def test_a_noise_mask_keeps_what_it_keeps(small):
    model, clip, vae = small
    latent = host_nodes.VAEEncode().encode(vae, torch.rand(1, 128, 128, 3))[0]
    mask = torch.zeros(1, 128, 128)
    mask[..., 64:] = 1
    masked = host_nodes.SetLatentNoiseMask().set_mask(latent, mask)[0]
    plain = run(model, clip, latent=masked)
    changed = run(guided(model), clip, latent=masked)
    assert torch.equal(changed[..., :8], plain[..., :8])
    assert relative(changed[..., 8:], plain[..., 8:]) > 1e-3


@pytest.mark.parametrize("sampler", comfy.samplers.SAMPLER_NAMES)
def test_the_first_call_of_every_step_is_guided(small, monkeypatch, sampler):
    """It is the one whose latents the sampler reports."""
    model, clip, _ = small
    seen, reported, call = [], [], GradientPass.__call__

    def noting(self, gathered, objective, progress, x, *args):
        seen.append(x.clone())
        return call(self, gathered, objective, progress, x, *args)

    monkeypatch.setattr(GradientPass, "__call__", noting)
    monkeypatch.setattr("p2p.nodes._host.guiding.change", lambda gradient, *_: torch.zeros_like(gradient))
    callback = host_nodes.latent_preview.prepare_callback
    monkeypatch.setattr(
        host_nodes.latent_preview, "prepare_callback", lambda *_, **__: lambda i, d, x, n: reported.append(x.clone())
    )
    result = run(guided(model, end=1.0), clip, sampler=sampler, steps=4)
    assert callback is not None
    assert result.isfinite().all()
    if sampler in ("dpm_fast", "dpm_adaptive"):
        assert seen
        return
    assert len(seen) == len(reported) == 4
    if not sampler.startswith(("uni_pc", "ipndm", "deis")):  # these report others than their own
        assert all(torch.equal(x, own) for x, own in zip(seen, reported, strict=True))


@pytest.mark.parametrize("cfg", [1.0, 5.0])
def test_any_guidance_scale(small, cfg):
    model, clip, _ = small
    assert relative(run(guided(model), clip, cfg=cfg), run(model, clip, cfg=cfg)) > 1e-3


def test_a_combined_prompt_and_one_with_a_timestep_range(small, monkeypatch):
    model, clip, _ = small
    first, second = text(clip, "a red car on grass"), text(clip, "a blue cat on grass")
    late = host_nodes.ConditioningSetTimestepRange().set_range(second, 0.3, 1.0)[0]
    both = host_nodes.ConditioningCombine().combine(first, late)[0]
    with counted_gradients(monkeypatch) as taken:
        sample(guided(model, words="cat", end=0.6), both, plain_text(clip, ""), empty_latent(), steps=4)
    assert len(taken) == 1  # the prompt with the cat does not act at 0, but at a third
    with counted_gradients(monkeypatch) as taken:
        sample(guided(model, words="car, cat", end=0.6), both, plain_text(clip, ""), empty_latent(), steps=4)
    assert len(taken) == 2


def test_several_guidances_act_one_after_the_other(small, monkeypatch):
    model, clip, _ = small
    twice = guided(guided(model), words="car", objective="be here", iterations=2, end=0.3)
    with counted_gradients(monkeypatch) as taken:
        run(twice, clip, steps=4)
    assert len(taken) == 2 + 2  # at 0 and a third once, and at 0 twice


def test_a_controlnet_gives_what_it_gives_and_no_gradient_goes_through_it():
    model, clip, _ = outputs(P2PMiniSDXL, precision="fp32")
    (control,) = outputs(P2PMiniControlNet, precision="fp32")
    hint = torch.zeros(1, 128, 128, 3)
    hint[:, 40:100, 20:80] = 1
    results = []
    for strength in (0.0, 1.0):
        positive, negative = host_nodes.ControlNetApplyAdvanced().apply_controlnet(
            text(clip, PROMPT), plain_text(clip, ""), control, hint, strength, 0.0, 1.0
        )
        for one in (model, guided(model, largest_grid="all")):
            results.append(sample(one, positive, negative, empty_latent()))
    plain, alone, controlled, both = results
    assert relative(controlled, plain) > 1e-2
    assert relative(alone, plain) > 1e-2
    assert min(relative(both, other) for other in (plain, alone, controlled)) > 1e-2
    assert both.isfinite().all()


def test_a_lora_is_put_on_and_taken_off_as_always(small):
    model, clip, _ = small
    key = "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_q.weight"
    weight = comfy.utils.get_attr(model.model, key)
    before, plain = weight.clone(), run(model, clip)
    other = model.clone()
    other.add_patches({key: (torch.full_like(weight, 0.05),)})
    with_lora = run(other, clip)
    changed = run(guided(other), clip)
    assert torch.equal(run(other, clip), with_lora)
    assert relative(changed, with_lora) > 1e-3
    assert torch.equal(run(model, clip), plain)
    assert torch.equal(comfy.utils.get_attr(model.model, key), before)


def test_half_precision():
    model, clip, _ = tiny_sdxl(torch.bfloat16)
    result = run(guided(model), clip)
    assert result.isfinite().all()
    assert relative(result, run(model, clip)) > 1e-3


def test_the_memory_of_a_full_size_model_is_bounded():
    """SDXL at 1024² in half precision, counted. Without checkpoints an update takes 5 GiB."""
    model, clip = on_meta(SDXL, torch.float16), text_encoder(SDXL)
    positive, negative = text(clip, PROMPT), plain_text(clip, "")

    def step(one):
        sample(one, positive, negative, empty_latent(1024, 1024), steps=1)

    costs = guidance_costs(model, step, ("red car", "blue cat"))
    assert costs.guided_bytes < 0.5 * 2**30
    assert costs.guided_bytes < 1.6 * costs.plain_bytes
    assert costs.update < 1.6
