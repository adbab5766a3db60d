"""Beside nodes that change the weights of the model or of the text encoders."""

import comfy.hooks
import comfy_extras.nodes_hooks as hooks
import pytest
import torch

import nodes as host_nodes

from ..graph import applied, empty_latent, relative, rows_of
from .adapters import ImagePrompt, with_image_prompt
from .check import Graph, outcome, three_steps
from .edits import EDIT_NAMES, EDITS, ONE_TERM, SIDE_NAMES, SIDES, TWO_TERMS
from .explicit import sources_rows, with_explicit_edits
from .weights import save_lora

every_edit = pytest.mark.parametrize("edit", EDITS, ids=EDIT_NAMES)
every_edit_on_both_sides = pytest.mark.parametrize(("side", "edit"), SIDES, ids=SIDE_NAMES)
one_and_two_terms = pytest.mark.parametrize("edit", [ONE_TERM, TWO_TERMS], ids=["one term", "two terms"])


@pytest.fixture(scope="module")
def loras(small, tmp_path_factory) -> list[str]:
    directory = tmp_path_factory.mktemp("loras")
    return [save_lora(directory, f"{seed}.safetensors", *small[:2], seed) for seed in (1, 2)]


@one_and_two_terms
def test_lora(small, loras, edit):
    """On the model, before and after P2P Apply, and on the text encoders."""
    model, clip, vae = small
    _, clip = host_nodes.LoraLoader().load_lora(model, clip, loras[0], 1.0, 1.0)

    def on_model(model):
        return host_nodes.LoraLoaderModelOnly().load_lora_model_only(model, loras[0], 1.0)[0]

    outcome((model, clip, vae), edit, Graph(on_model)).expect()


@one_and_two_terms
def test_two_loras(small, loras, edit):
    def on_model(model):
        for name in loras:
            model = host_nodes.LoraLoaderModelOnly().load_lora_model_only(model, name, 0.7)[0]
        return model

    outcome(small, edit, Graph(on_model)).expect()


def hook_of(name: str, strength_clip: float = 0.0):
    return hooks.CreateHookLora().create_hook(name, 1.0, strength_clip)[0]


def fading(group):
    """The hook at full strength in the first half of the run only."""
    late = hooks.CreateHookKeyframe().create_hook_keyframe(0.0, 0.5)[0]
    both = hooks.CreateHookKeyframe().create_hook_keyframe(1.0, 0.0, late)[0]
    return hooks.SetHookKeyframes().set_hook_keyframes(group, both)[0]


@every_edit_on_both_sides
def test_hook_lora(small, loras, edit, side):
    """The hook holds for all rows of the edited prompt; the negative prompt runs without it, in a call of its own."""
    group = fading(hook_of(loras[0]))

    def with_hooks(conditioning):
        return hooks.ConditioningSetProperties().set_properties(conditioning, 1.0, "default", hooks=group)[0]

    outcome(small, edit, Graph(**{side: with_hooks})).expect()


@one_and_two_terms
def test_hooked_ip_adapter(small, edit):
    """Patches that come with a condition, as prompt-control's do, act together with those of the run."""
    adapter = ImagePrompt(small[0], seed=3)

    def with_patch(conditioning, queries=None):
        model = with_image_prompt(small[0], adapter, 0.5, queries=queries)
        patches = {"patches_replace": model.model_options["transformer_options"]["patches_replace"]}
        group = comfy.hooks.HookGroup()
        group.add(comfy.hooks.TransformerOptionsHook(transformers_dict=patches))
        return hooks.ConditioningSetProperties().set_properties(conditioning, 1.0, "default", hooks=group)[0]

    model, clip, _ = small
    controller = edit.controller(clip)
    patched, positive, *rest = applied(model, clip, controller, empty_latent(64, 64))
    found = three_steps(patched, with_patch(positive), *rest)
    plain = three_steps(model, with_patch(rows_of(*edit.conditionings(clip))), *rest)
    explicit = three_steps(with_explicit_edits(model, controller, positive), with_patch(positive, sources_rows), *rest)
    assert torch.equal(found[0], plain[0])
    assert relative(found[1], explicit[1]) < 1e-5
    assert relative(plain[1], explicit[1]) > 1e-3


@one_and_two_terms
def test_hook_lora_on_both_prompts(small, loras, edit):
    """As a graph has it in which one hook goes to the source and to the target."""
    group = hook_of(loras[0])

    def with_hooks(conditioning):
        return hooks.ConditioningSetProperties().set_properties(conditioning, 1.0, "default", hooks=group)[0]

    outcome(small, edit, Graph(on_source=with_hooks, on_target=with_hooks, on_rows=with_hooks)).expect()
