"""Adjusted maps of a source: the operators on values against the explicit maps."""

import math

import pytest
import torch
from core_cases import TOKENIZER, attend_with, groups_of_edits, largest_difference, placements, scales
from einops import rearrange
from hypothesis import given, settings
from hypothesis import strategies as st
from p2p.p2p_core import naive
from p2p.p2p_core.adjusted_operators import adjusted
from p2p.p2p_core.adjustment import Blend, Draw, Move, Scale, adjusted_maps
from p2p.p2p_core.attention import edited_cross_attention
from p2p.p2p_core.drawn_maps import DrawnMask
from p2p.p2p_core.edit import move, refine, replace, reweight
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.operators import plan
from p2p.p2p_core.placement import Placement
from p2p.p2p_core.row_edits import row_edits
from p2p.p2p_core.source_maps import SourceMaps
from p2p.p2p_core.windows import Window
from p2p.p2p_core.word_maps import mean_over_heads
from p2p.tests.adjusted_maps import adjusted_and_edited_map

HEADS, CHANNELS, GRID = 2, 4, (3, 4)
QUERIES, WIDTH = GRID[0] * GRID[1], HEADS * CHANNELS
ATTEND = attend_with(HEADS)
ALWAYS, NEVER = Window(0, 1), Window(0, 0)
CAT = TOKENIZER.read("a red cat on the teddy bear")
SWAP = replace(CAT, TOKENIZER.read("a red dog on the teddy bear"), ALWAYS, None)
GROWN = refine(CAT, TOKENIZER.read("a fluffy red cat on the big teddy bear !"), Window(0, 0.6), None)
SAME = replace(CAT, CAT, ALWAYS, None)
LOUD = reweight(reweight(SAME, "cat", 3), "red", -0.5)
MOVED = move(SWAP, "red dog", Placement(0.3, -0.2, 0.7))
LONG = replace(CAT, TOKENIZER.read("a dog and a red cat on the big teddy bear with a fluffy burger"), ALWAYS, None)
EDITS = {"replace": SWAP, "refine": GROWN, "identity": SAME, "reweight": LOUD, "move": MOVED, "longer": LONG}


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


MASK = DrawnMask(torch.rand(20, 9, generator=torch.Generator().manual_seed(5)))
ADJUSTMENTS = {
    "scale": (Scale("cat", 2.5),),
    "turn around": (Scale("red", -1.5),),
    "remove": (Scale("cat", 0.0),),
    "move": (Move("cat", Placement(0.3, -0.2)),),
    "resize": (Move("red cat", Placement(0.0, 0.0, 0.6)),),
    "move and resize": (Move("cat", Placement(-0.25, 0.1, 1.5)),),
    "blend": (Blend("cat", "teddy bear", 0.7),),
    "blend with itself": (Blend("red cat", "cat", 0.5),),
    "draw": (Draw("cat", MASK, 0.4),),
    "draw a phrase": (Draw("teddy bear", MASK, 0.8),),
    "draw and move": (Draw("cat", MASK, 0.4), Move("cat", Placement(0.2, 0.1, 1.4))),
    "move and draw": (Move("cat", Placement(0.2)), Draw("cat", MASK, 0.4)),
    "move twice": (Move("cat", Placement(0.2, 0, 1.5)), Move("red cat", Placement(0.1, 0.2, 0.8))),
    "turn around and resize": (Scale("red cat", -2.0), Move("red cat", Placement(0.1, 0, 1.6))),
    "there and back": (Move("cat", Placement(0.25)), Move("cat", Placement(-0.25))),
    "all": (
        Scale("cat", 1.5),
        Move("cat", Placement(0.2, 0.1, 1.3)),
        Draw("red", MASK, 0.3),
        Blend("cat", "red", 0.4),
        Move("red cat", Placement(-0.1, 0.2, 0.9)),
        Blend("teddy", "cat", 0.5),
        Scale("bear", 0.5),
    ),
}


def inputs(edits, groups=1, repeats=1, seed=0):
    """q (sources + targets, queries, channels) and k, v of one number of tokens, by groups of a source and targets."""
    prompts = [edits[0].source, *(edit.target for edit in edits)] * groups
    tokens = repeats * math.lcm(*(prompt.token_count for prompt in prompts))
    q = random(len(prompts), QUERIES, WIDTH, seed=seed)
    k, v = (
        torch.stack(
            [
                random(prompt.token_count, WIDTH, seed=seed + number * 2 + which).repeat(
                    tokens // prompt.token_count, 1
                )
                for number, prompt in enumerate(prompts, start=1)
            ]
        )
        for which in (0, 1)
    )
    return q, k, v


def folded(tensor):
    return rearrange(tensor, "b t (h c) -> b h t c", h=HEADS)


def explicit(q, k, v, edits, adjustments, progress):
    """The targets' rows of all groups, by explicit maps."""
    found = []
    size = 1 + len(edits)
    for first in range(0, len(q), size):
        maps = naive.attention_map(folded(q[first : first + size]), folded(k[first : first + size]))
        source = naive._sum_copies(maps[0], edits[0].source.token_count)
        for number, edit in enumerate(edits, start=1):
            target = naive._sum_copies(maps[number], edit.target.token_count)
            made = adjusted_and_edited_map(source, target, edit, progress, GRID, adjustments)
            values = folded(v[first + number : first + number + 1])[0][:, : edit.target.token_count]
            found.append(rearrange(made @ values, "h q c -> q (h c)"))
    return torch.stack(found)


def operators_of(edits, adjustments, progress):
    maps = adjusted_maps(edits[0].source, adjustments)
    plans = [plan(edit, [progress], rows_are_equal=False) for edit in edits]
    if maps is not None:
        plans = [adjusted(steps, edit, maps) for steps, edit in zip(plans, edits, strict=True)]
    return [steps[0] for steps in plans]


def fused(q, k, v, edits, adjustments, progress, sources, attend=ATTEND):
    """The targets' rows, with the sources in the batch, after it, or as recorded maps."""
    size = 1 + len(edits)
    operators = operators_of(edits, adjustments, progress)
    is_target = torch.arange(len(q)) % size > 0
    if sources == "rows":
        made = row_edits([operators], *v.shape[:2], v.device, v.dtype)
        return edited_cross_attention(attend, q, k, made.values(v), made, GRID, HEADS)[is_target]
    rows, texts, values = q[is_target], k[is_target], v[is_target]
    made = row_edits([operators], *values.shape[:2], v.device, v.dtype, sources)
    maps = None
    if sources == "queries":
        rows, texts = torch.cat([rows, q[~is_target]]), torch.cat([texts, k[~is_target]])
    else:
        tokens = edits[0].source.token_count
        source_maps = naive.attention_map(folded(q[~is_target]), folded(k[~is_target]))
        maps = SourceMaps(naive._sum_copies(source_maps, tokens), torch.arange(tokens), len(rows))
        maps = maps if attend is ATTEND else maps.mean()
    return edited_cross_attention(attend, rows, texts, made.values(values), made, GRID, HEADS, maps)


@pytest.mark.parametrize("sources", ["rows", "queries", "maps"])
@pytest.mark.parametrize("adjustments", ADJUSTMENTS.values(), ids=ADJUSTMENTS)
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_adjusted_source_equals_the_explicit_maps(edit, adjustments, sources):
    q, k, v = inputs([edit])
    for progress in (0.0, 0.7):
        found = fused(q, k, v, [edit], adjustments, progress, sources)
        assert largest_difference(found, explicit(q, k, v, [edit], adjustments, progress)) < 1e-5


@pytest.mark.parametrize("sources", ["rows", "queries", "maps"])
def test_several_groups_and_copies_of_tokens(sources):
    edits = [SWAP, LONG, MOVED]
    q, k, v = inputs(edits, groups=2, repeats=2)
    found = fused(q, k, v, edits, ADJUSTMENTS["all"], 0.0, sources)
    assert largest_difference(found, explicit(q, k, v, edits, ADJUSTMENTS["all"], 0.0)) < 1e-5


@pytest.mark.parametrize("adjustments", ADJUSTMENTS.values(), ids=ADJUSTMENTS)
def test_they_change_what_is_inherited(adjustments):
    """Otherwise the comparisons above mean nothing."""
    q, k, v = inputs([SAME])
    changed = fused(q, k, v, [SAME], adjustments, 0.0, "queries")
    plain = fused(q, k, v, [SAME], (), 0.0, "queries")
    is_nothing = adjustments == ADJUSTMENTS["there and back"]
    assert (largest_difference(changed, plain) > 1e-2) != is_nothing


def adjustments_of(prompt):
    words = [word.text for word in prompt.words if not word.is_punctuation]
    if not words:
        return st.just(())
    phrase = st.sampled_from(words)
    one = st.one_of(
        st.builds(Scale, phrase, scales),
        st.builds(Move, phrase, placements),
        st.builds(Blend, phrase, phrase, st.sampled_from([0.3, 1.0])),
        st.builds(Draw, phrase, st.just(MASK), st.sampled_from([0.2, 1.0])),
    )
    return st.lists(one, max_size=4).map(tuple)


@settings(max_examples=60)
@given(st.data(), groups_of_edits(), st.sampled_from([0.0, 0.5]), st.sampled_from(["rows", "queries", "maps"]))
def test_any_adjustments_of_any_edits(data, edits, progress, sources):
    adjustments = data.draw(adjustments_of(edits[0].source))
    q, k, v = inputs(edits)
    found = fused(q, k, v, edits, adjustments, progress, sources)
    assert largest_difference(found, explicit(q, k, v, edits, adjustments, progress)) < 3e-5


def test_words_are_seen_as_they_are_adjusted():
    """The maps that are shown go through the same terms: here of the target's words, one channel each."""
    q, k, _ = inputs([SAME])
    values = torch.eye(CAT.token_count).expand(2, -1, -1)
    for sources in ("rows", "queries", "maps"):
        found = fused(q, k, values, [SAME], ADJUSTMENTS["all"], 0.0, sources, mean_over_heads(HEADS))
        maps = naive.attention_map(folded(q), folded(k))
        expected = adjusted_and_edited_map(maps[0], maps[1], SAME, 0.0, GRID, ADJUSTMENTS["all"]).mean(0)
        assert largest_difference(found[0], expected) < 1e-5


class TestPlans:
    def test_equal_steps_are_one_object(self):
        steps = plan(GROWN, [0.0, 0.2, 0.4, 0.8, 0.9], rows_are_equal=False)
        changed = adjusted(steps, GROWN, adjusted_maps(CAT, ADJUSTMENTS["all"]))
        assert changed[0] is changed[1] is changed[2] is not steps[0]
        assert changed[3] is changed[4] is steps[3]

    def test_what_inherits_nothing_is_the_same_object(self):
        steps = plan(reweight(replace(CAT, CAT, NEVER, None), "cat", 2), [0.0], rows_are_equal=False)
        assert adjusted(steps, SAME, adjusted_maps(CAT, ADJUSTMENTS["all"]))[0] is steps[0]

    @pytest.mark.parametrize(
        "adjustments",
        [(), (Scale("cat", 1.0),), (Move("cat", Placement()),), (Blend("cat", "bear", 0.0),), (Scale("dog", 3.0),)],
    )
    def test_nothing_is_nothing(self, adjustments):
        assert adjusted_maps(CAT, adjustments) is None

    def test_words_of_another_prompt_are_left_to_it(self):
        both = (Scale("dog", 3.0), Blend("cat", "dog", 0.5), Scale("cat", 2.0))
        only = adjusted_maps(CAT, both)
        assert torch.equal(only.placed[Placement()], adjusted_maps(CAT, (Scale("cat", 2.0),)).placed[Placement()])


class TestOnADevice:
    @pytest.mark.parametrize("sources", ["rows", "queries"])
    def test_nothing_waits_for_the_device(self, sources):
        """Tensors on the meta device have no content: reading any of it raises."""
        q, k, v = (tensor.to("meta") for tensor in inputs([MOVED]))
        assert fused(q, k, v, [MOVED], ADJUSTMENTS["all"], 0.0, sources).is_meta

    def test_a_mask_is_made_once_for_a_grid(self):
        q, k, v = inputs([SAME])
        operators = operators_of([SAME], ADJUSTMENTS["draw"], 0.0)
        made = row_edits([operators], *v.shape[:2], v.device, v.dtype)
        for _ in range(3):
            edited_cross_attention(ATTEND, q, k, made.values(v), made, GRID, HEADS)
        assert [key[0] for key in operators[0].drawn[0].mask._made] == [GRID]


def test_a_mask_is_the_mean_of_what_a_place_covers():
    picture = torch.zeros(8, 16)
    picture[:, :8] = 1
    assert DrawnMask(picture).on((2, 4))[[0, 3]].tolist() == pytest.approx([1, 0], abs=1e-6)
    assert float(DrawnMask(torch.full((7, 5), 0.3)).on((3, 4)).mean()) == pytest.approx(0.3)


def test_a_word_that_is_not_there_is_named():
    with pytest.raises(P2PError, match='"horse" is not in the prompt'):
        Scale("horse", 2.0).of(adjusted_maps(CAT, ADJUSTMENTS["scale"]), CAT)
