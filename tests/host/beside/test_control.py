"""Beside ControlNets and their relatives. A ControlNet is a network of its own, with the unedited prompts."""

import pytest
import torch
from p2p.nodes.apply import P2PApply

import nodes as host_nodes

from ..graph import empty_latent, outputs, plain_text, relative
from .check import Graph, outcome, three_steps
from .controls import hint, tiny_controlnet, tiny_t2i_adapter
from .edits import EDIT_NAMES, EDITS, ONE_TERM, SIDE_NAMES, SIDES, TWO_TERMS
from .explicit import with_explicit_edits

every_edit = pytest.mark.parametrize("edit", EDITS, ids=EDIT_NAMES)
every_edit_on_both_sides = pytest.mark.parametrize(("side", "edit"), SIDES, ids=SIDE_NAMES)
one_and_two_terms = pytest.mark.parametrize("edit", [ONE_TERM, TWO_TERMS], ids=["one term", "two terms"])


@pytest.fixture(scope="module")
def controlnets():
    return [tiny_controlnet(seed) for seed in (7, 8)]


def controlled(conditioning, clip, *controls):
    """The conditioning with (control, picture, strength, start, end) each; a negative prompt goes with it."""
    negative = plain_text(clip, "")
    for control, picture, strength, start, end in controls:
        conditioning, negative = host_nodes.ControlNetApplyAdvanced().apply_controlnet(
            conditioning, negative, control, picture, strength, start, end
        )
    return conditioning


@every_edit_on_both_sides
def test_controlnet(small, controlnets, side, edit):
    """On the source before P2P Apply, or on the positive after it."""

    def on_prompt(conditioning):
        return controlled(conditioning, small[1], (controlnets[0], hint(1), 0.5, 0.0, 0.6))

    outcome(small, edit, Graph(**{side: on_prompt})).expect()


@one_and_two_terms
def test_controlnet_on_positive_and_negative(small, controlnets, edit):
    """As a template has it: one node for both, after P2P Apply."""

    def run(model, positive, negative, latent):
        both = host_nodes.ControlNetApplyAdvanced().apply_controlnet(
            positive, negative, controlnets[0], hint(1), 0.5, 0.0, 1.0
        )
        return three_steps(model, *both, latent)

    outcome(small, edit, Graph(run=run)).expect(neighbour=None)


@one_and_two_terms
@pytest.mark.parametrize("side", ["on_source", "on_positive"])
def test_two_controlnets_with_ranges(small, controlnets, side, edit):
    first, second = controlnets

    def on_prompt(conditioning):
        return controlled(conditioning, small[1], (first, hint(1), 0.5, 0.0, 0.4), (second, hint(2), 0.4, 0.3, 1.0))

    outcome(small, edit, Graph(**{side: on_prompt})).expect()


@one_and_two_terms
def test_a_node_each_for_source_and_target(small, controlnets, edit):
    """Two apply nodes with the same ControlNet, picture and range are one setting."""
    picture = hint(1)

    def on_prompt(conditioning):
        return controlled(conditioning, small[1], (controlnets[0], picture, 0.5, 0.0, 1.0))

    outcome(small, edit, Graph(on_source=on_prompt, on_target=on_prompt, on_rows=on_prompt)).expect()


@one_and_two_terms
def test_a_picture_for_every_row(small, controlnets, edit):
    """Two groups, and a hint picture for each of their four rows."""

    def on_prompt(conditioning):
        return controlled(conditioning, small[1], (controlnets[0], hint(1, batch=4), 0.5, 0.0, 1.0))

    outcome(small, edit, Graph(on_positive=on_prompt), empty_latent(64, 64, batch=2)).expect()


@one_and_two_terms
@pytest.mark.parametrize("side", ["on_source", "on_positive"])
def test_t2i_adapter(small, side, edit):
    adapter = tiny_t2i_adapter()

    def on_prompt(conditioning):
        return controlled(conditioning, small[1], (adapter, hint(1), 0.5, 0.0, 0.6))

    outcome(small, edit, Graph(**{side: on_prompt})).expect()


@one_and_two_terms
def test_control_text_of_another_pack(small, controlnets, edit):
    """InstantID gives its ControlNet the tokens of a face in place of the prompt (``cross_attn_controlnet``)."""
    face = plain_text(small[1], "a face")[0][0][:, :16]

    def on_prompt(conditioning):
        controlled_text = controlled(conditioning, small[1], (controlnets[0], hint(1), 0.5, 0.0, 1.0))
        return [[cond, {**extras, "cross_attn_controlnet": face}] for cond, extras in controlled_text]

    outcome(small, edit, Graph(on_positive=on_prompt)).expect()


@one_and_two_terms
def test_a_controlnet_that_reads_the_source_s_prompt(small, controlnets, edit):
    """``controlnet_prompt``: its residuals of the target are those of the source's words."""
    model, clip, _ = small
    controller = edit.controller(clip)
    inputs = {"model": model, "controller": controller, "negative": plain_text(clip, "")}
    control = (controlnets[0], hint(1), 0.5, 0.0, 1.0)

    def found(prompt):
        patched, positive, negative, latent = outputs(
            P2PApply, **inputs, latent=empty_latent(64, 64), controlnet_prompt=prompt
        )
        return three_steps(patched, controlled(positive, clip, control), negative, latent)

    _, positive, negative, latent = outputs(P2PApply, **inputs, latent=empty_latent(64, 64))
    texts = positive[0][0]
    of_source = [[texts, {**positive[0][1], "cross_attn_controlnet": torch.stack([texts[0], texts[0]])}]]
    explicit = with_explicit_edits(model, controller, positive)
    expected = three_steps(explicit, controlled(of_source, clip, control), negative, latent)
    assert relative(found("source")[1], expected[1]) < 1e-5
    assert torch.equal(found("source")[0], found("target")[0])
    assert relative(found("target")[1], expected[1]) > 1e-3
