"""Beside nodes that change the weights of the model or of the text encoders."""

import comfy_extras.nodes_hooks as hooks
import pytest

import nodes as host_nodes

from .check import Graph, outcome
from .edits import EDIT_NAMES, EDITS, ONE_TERM, TWO_TERMS
from .weights import save_lora

every_edit = pytest.mark.parametrize("edit", EDITS, ids=EDIT_NAMES)
one_and_two_terms = pytest.mark.parametrize("edit", [ONE_TERM, TWO_TERMS], ids=["one term", "two terms"])


@pytest.fixture(scope="module")
def loras(small, tmp_path_factory) -> list[str]:
    directory = tmp_path_factory.mktemp("loras")
    return [save_lora(directory, f"{seed}.safetensors", *small[:2], seed) for seed in (1, 2)]


@every_edit
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


@every_edit
@pytest.mark.parametrize("side", ["on_source", "on_positive"])
def test_hook_lora(small, loras, edit, side):
    """The hook holds for all rows of the edited prompt; the negative prompt runs without it, in a call of its own."""
    group = fading(hook_of(loras[0]))

    def with_hooks(conditioning):
        return hooks.ConditioningSetProperties().set_properties(conditioning, 1.0, "default", hooks=group)[0]

    outcome(small, edit, Graph(**{side: with_hooks})).expect()


@one_and_two_terms
def test_hook_lora_on_both_prompts(small, loras, edit):
    """As a graph has it in which one hook goes to the source and to the target."""
    group = hook_of(loras[0])

    def with_hooks(conditioning):
        return hooks.ConditioningSetProperties().set_properties(conditioning, 1.0, "default", hooks=group)[0]

    outcome(small, edit, Graph(on_source=with_hooks, on_target=with_hooks, on_rows=with_hooks)).expect()
