"""Beside nodes that work on conditionings, before the controller and after P2P Apply."""

import comfy.gligen
import comfy.model_patcher
import pytest
import torch

import nodes as host_nodes

from ..graph import empty_latent, plain_text, rows_of, text
from ..tiny_sdxl import LOW, initialised
from .adapters import sites
from .check import Graph, outcome, three_steps
from .edits import EDIT_NAMES, EDITS, ONE_TERM, SIDE_NAMES, SIDES, TWO_TERMS

every_edit = pytest.mark.parametrize("edit", EDITS, ids=EDIT_NAMES)
every_edit_on_both_sides = pytest.mark.parametrize(("side", "edit"), SIDES, ids=SIDE_NAMES)
one_and_two_terms = pytest.mark.parametrize("edit", [ONE_TERM, TWO_TERMS], ids=["one term", "two terms"])
both_sides = pytest.mark.parametrize("side", ["on_source", "on_positive"])
BACKGROUND = "a wide green field"


def in_area(conditioning):
    return host_nodes.ConditioningSetArea().append(conditioning, 64, 96, 32, 16, 0.8)[0]


def in_mask(conditioning):
    mask = torch.zeros(1, 16, 16)
    mask[:, 4:12, 2:9] = 1
    return host_nodes.ConditioningSetMask().append(conditioning, mask, "default", 0.7)[0]


def in_range(conditioning, start=0.0, end=0.2):
    return host_nodes.ConditioningSetTimestepRange().set_range(conditioning, start, end)[0]


def beside(placed, plain, side):
    """The edited prompt placed, on one side of P2P Apply, with a plain one beside it."""

    def with_plain(positive):
        return [*positive, *plain]

    if side == "on_source":
        return Graph(on_source=placed, on_positive=with_plain)
    return Graph(on_positive=lambda positive: with_plain(placed(positive)))


class TestPlaces:
    @every_edit_on_both_sides
    def test_area(self, small, edit, side):
        """The edited prompt in a part of the picture, a plain one everywhere."""
        graph = beside(in_area, plain_text(small[1], BACKGROUND), side)
        outcome(small, edit, graph, empty_latent(128, 128)).expect()

    @every_edit_on_both_sides
    def test_mask(self, small, edit, side):
        graph = beside(in_mask, plain_text(small[1], BACKGROUND), side)
        outcome(small, edit, graph, empty_latent(128, 128)).expect()

    @one_and_two_terms
    def test_an_area_without_a_background(self, small, edit):
        """Outside the area the positive predicts nothing; the host gives the negative the area too."""
        outcome(small, edit, Graph(on_positive=in_area), empty_latent(128, 128)).expect()


class TestTimes:
    @every_edit_on_both_sides
    def test_timestep_range(self, small, edit, side):
        """The edited prompt at the first step, a plain one at the others."""
        rest = in_range(plain_text(small[1], BACKGROUND), 0.2, 1.0)
        outcome(small, edit, beside(in_range, rest, side)).expect()


class TestCombinations:
    @every_edit
    def test_combine_with_a_plain_prompt(self, small, edit):
        """Three prompts in one model call, of which one is edited."""
        plain = plain_text(small[1], BACKGROUND)

        def combined(positive):
            return host_nodes.ConditioningCombine().combine(positive, plain)[0]

        outcome(small, edit, Graph(on_positive=combined)).expect()

    @one_and_two_terms
    def test_combine_two_edited_prompts(self, small, edit):
        """Pairs in their order: every prompt of the source goes with one of the target."""
        second = [text(small[1], prompt) for prompt in ("a dog near a house", "a dog near a tree")]

        def combined_with(other):
            return lambda conditioning: host_nodes.ConditioningCombine().combine(conditioning, other)[0]

        graph = Graph(
            on_source=combined_with(second[0]),
            on_target=combined_with(second[1]),
            on_rows=combined_with(rows_of(*second)),
        )
        outcome(small, edit, graph).expect()

    @one_and_two_terms
    def test_combine_with_a_prompt_that_stays(self, small, edit):
        """It is the same on both sides, but the target's latents are not: there too its words follow the source."""
        same = text(small[1], "a dog near a house")

        def combined(conditioning):
            return host_nodes.ConditioningCombine().combine(conditioning, same)[0]

        graph = Graph(on_source=combined, on_target=combined, on_rows=lambda rows: [*rows, *rows_of(same, same)])
        outcome(small, edit, graph).expect()

    @every_edit
    def test_a_zeroed_positive_as_negative(self, small, edit):
        """It still carries the group of the edit, and is none."""

        def run(model, positive, negative, latent):
            return three_steps(model, positive, host_nodes.ConditioningZeroOut().zero_out(positive)[0], latent)

        outcome(small, edit, Graph(run=run)).expect(neighbour=None)

    @one_and_two_terms
    @both_sides
    def test_average(self, small, edit, side):
        other = plain_text(small[1], BACKGROUND)

        def averaged(conditioning):
            return host_nodes.ConditioningAverage().addWeighted(conditioning, other, 0.7)[0]

        graph = {
            "on_source": Graph(on_source=averaged, on_target=averaged, on_rows=averaged),
            "on_positive": Graph(on_positive=averaged),
        }
        outcome(small, edit, graph[side]).expect()

    @one_and_two_terms
    def test_concat(self, small, edit):
        """The appended text goes with both prompts and keeps its own tokens to itself."""
        other = plain_text(small[1], BACKGROUND)

        def longer(conditioning):
            return host_nodes.ConditioningConcat().concat(conditioning, other)[0]

        def longer_rows(rows):
            return [[torch.cat([cond, other[0][0].expand(2, -1, -1)], 1), extras] for cond, extras in rows]

        graph = Graph(on_source=longer, on_target=longer, on_rows=longer_rows)
        # The negative is repeated to the same length in another order of sums: measured 4e-7.
        outcome(small, edit, graph).expect(source=1e-6)

    @one_and_two_terms
    def test_zero_out_of_the_source_as_negative(self, small, edit):
        nothing = host_nodes.ConditioningZeroOut().zero_out(text(small[1], edit.prompts[0]))[0]
        outcome(small, edit, Graph(on_negative=lambda negative: nothing)).expect(neighbour=None)

    @one_and_two_terms
    def test_zero_out_of_the_positive_as_negative(self, small, edit):
        """The negative made of the edited positive is no prompt: nothing is edited in it."""

        def run(model, positive, negative, latent):
            return three_steps(model, positive, host_nodes.ConditioningZeroOut().zero_out(positive)[0], latent)

        outcome(small, edit, Graph(run=run)).expect(neighbour=None)


@one_and_two_terms
def test_clip_skip(small, edit):
    model, clip, vae = small
    skipped = host_nodes.CLIPSetLastLayer().set_last_layer(clip, -3)[0]
    assert not torch.equal(text(skipped, "a cat")[0][0], text(clip, "a cat")[0][0])
    outcome((model, skipped, vae), edit, Graph()).expect(neighbour=None)


@pytest.fixture(scope="module")
def gligen(tiny_sd15):
    """A layer of gated attention to boxes for every transformer of the network, in the order of their calls."""
    network = tiny_sd15[0]
    cpu = torch.device("cpu")
    widths = [layer.to_q.in_features for layer in sites(network).values()]
    with torch.inference_mode():
        modules = [comfy.gligen.GatedSelfAttentionDense(width, LOW, 2, width // 2) for width in widths]
        model = initialised(comfy.gligen.Gligen(modules, comfy.gligen.PositionNet(LOW, LOW), LOW), 6)
        for module in modules:
            module.alpha_attn.fill_(1.0)
            module.alpha_dense.fill_(1.0)
    return comfy.model_patcher.ModelPatcher(model, load_device=cpu, offload_device=cpu)


@one_and_two_terms
@both_sides
def test_gligen(tiny_sd15, gligen, edit, side):
    def boxed(conditioning):
        node = host_nodes.GLIGENTextBoxApply()
        return node.append(conditioning, tiny_sd15[1], gligen, "a tree", 32, 32, 16, 16)[0]

    outcome(tiny_sd15, edit, Graph(**{side: boxed})).expect()
