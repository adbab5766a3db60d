"""The positive of P2P Apply on a model without edits is refused, and nothing else notices what sees to that."""

import comfy.hooks
import comfy.samplers
import comfy_extras.nodes_hooks as hooks
import pytest
import torch
from comfy.patcher_extension import WrappersMP
from comfy_extras.nodes_custom_sampler import BasicGuider
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.p2p_core.errors import P2PError

import nodes as host_nodes

from .graph import applied, empty_latent, for_any_model, outputs, plain_text, replace_controller, sample

REFUSED = r"^This sampler got the positive conditioning of P2P Apply without its model: connect the model output"


@pytest.fixture
def calls(tiny):
    """(a plain model, the batches that it was called with)."""
    return noting(tiny[0])


def noting(model):
    batches = []

    def noted(executor, x, *args, **kwargs):
        batches.append(x.shape[0])
        return executor(x, *args, **kwargs)

    noted_model = model.clone()
    noted_model.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "noting", noted)
    return noted_model, batches


@pytest.fixture
def edited(tiny):
    """What P2P Apply gives a sampler."""
    return applied(*tiny[:2], replace_controller(tiny[1]), empty_latent(64, 64))


def half(positive):
    return host_nodes.ConditioningSetArea().append(positive, 32, 64, 0, 0, 1.0)[0]


def combined(positive):
    return [*positive[:1], *half(positive)]


def late(positive):
    return host_nodes.ConditioningSetTimestepRange().set_range(positive, 0.5, 1.0)[0]


@pytest.mark.parametrize("change", [list, half, combined, late], ids=["as it is", "area", "combined", "late"])
def test_a_model_without_edits_is_refused_before_it_is_called(calls, edited, change):
    model, batches = calls
    _, positive, *rest = edited
    with pytest.raises(P2PError, match=REFUSED):
        sample(model, change(positive), *rest)
    assert batches == []


def test_with_any_guider(calls, edited):
    model, batches = calls
    _, positive, _, latent = edited
    (guider,) = outputs(BasicGuider, model=model, conditioning=positive)
    samples = latent["samples"]
    with pytest.raises(P2PError, match=REFUSED):
        guider.sample(
            samples, samples, comfy.samplers.sampler_object("euler"), torch.tensor([1.0, 0.5, 0.0]), disable_pbar=True
        )
    assert batches == []


def test_a_model_that_is_only_watched_is_refused(calls, edited):
    model, batches = calls
    watched, _ = outputs(
        P2PAttentionStore, model=model, words="", prompt="positive", largest_grid="coarse", start=0.0, end=1.0,
        keep_steps=False,
    )  # fmt: skip
    with pytest.raises(P2PError, match=REFUSED):
        sample(watched, *edited[1:])
    with_own = [with_group(edited[1], patch_of(lambda q, k, v, options: (q, k, v))), *edited[2:]]
    with pytest.raises(P2PError, match=REFUSED):  # by the other way: such an entry has no guard
        sample(watched, *with_own)
    assert batches == []


def patch_of(function):
    """Hooks that a sampler takes: a patch of attn2."""
    group = comfy.hooks.HookGroup()
    group.add(comfy.hooks.TransformerOptionsHook({"patches": {"attn2_patch": [function]}}))
    return group


def with_group(conditioning, group):
    return hooks.ConditioningSetProperties().set_properties(conditioning, 1.0, "default", hooks=group)[0]


def test_an_edited_run_is_what_it_is_without_the_guard(edited):
    found, free = [], []
    for batches, make in ((found, lambda *inputs: inputs), (free, for_any_model)):
        model, seen = noting(edited[0])
        batches += [sample(model, *make(*edited[1:])), seen]
    assert torch.equal(found[0], free[0])
    assert found[1] == free[1]
    assert found[1] == [4] * 4  # both prompts of both pictures in one call


def test_hooks_on_both_prompts_stay_one_group(edited):
    """Else the host would compute the two prompts one after the other."""
    group = patch_of(lambda q, k, v, options: (q, k, v))
    model, positive, negative, latent = edited
    on_both = hooks.PairConditioningSetProperties().set_properties(positive, negative, 1.0, "default", hooks=group)
    assert all(conditioning[0][1]["hooks"] is group for conditioning in on_both)
    noted, batches = noting(model)
    assert torch.equal(sample(noted, *on_both, latent), sample(model, positive, negative, latent))
    assert batches == [4] * 4


def test_hooks_on_another_prompt_of_the_run(tiny, edited):
    """The host leaves a group of which it took nothing as None, and then looks into it."""
    touched = []
    group = patch_of(lambda q, k, v, options: touched.append(len(q)) or (q, k, v))
    model, positive, negative, latent = edited
    other = with_group(plain_text(tiny[1], "a red hat"), group)
    found = sample(model, [*positive, *other], negative, latent)
    free = sample(model, [*for_any_model(positive)[0], *other], negative, latent)
    assert touched
    assert torch.equal(found, free)


def test_the_positive_without_its_text_as_the_negative(edited):
    """Of a model with edits it is a negative like any other."""
    model, positive, _, latent = edited
    (zeros,) = host_nodes.ConditioningZeroOut().zero_out(positive)
    assert torch.equal(sample(model, positive, zeros, latent), sample(model, positive, *for_any_model(zeros), latent))
