"""Fused attention against the explicit maps, on any edits, prompts, windows, groups and repeats."""

import math

import pytest
import torch
from core_cases import (
    TOKENIZER,
    attend_with,
    fold,
    fractions,
    groups_of_edits,
    largest_difference,
    repeated_tokens,
)  # fmt: skip
from hypothesis import given, settings
from hypothesis import strategies as st
from p2p.p2p_core import attention, naive
from p2p.p2p_core.edit import move, refine, replace, reweight
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.operators import token_operators
from p2p.p2p_core.placement import Placement
from p2p.p2p_core.row_edits import row_edits, self_reads
from p2p.p2p_core.windows import Window

HEADS, CHANNELS, GRID = 2, 4, (2, 3)
QUERIES = GRID[0] * GRID[1]
TOLERANCE = 1e-5
ATTEND = attend_with(HEADS)
ALWAYS, NEVER = Window(0, 1), Window(0, 0)
CAT = TOKENIZER.read("a red cat")
SWAP = replace(CAT, TOKENIZER.read("a red dog"), ALWAYS, ALWAYS)
GROWN = refine(CAT, TOKENIZER.read("a fluffy red cat on the mat"), ALWAYS, None)
MOVED = move(GROWN, "red cat", Placement(0.4, -0.2, 0.7))
FADER = reweight(replace(CAT, CAT, NEVER, None), "red", 3)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def cross_inputs(edits, groups, repeats, seed=0):
    """q, k, v as (groups·(1+n), heads, tokens, channels), tokens repeated to a common multiple of all prompts'."""
    prompts = [edits[0].source, *(edit.target for edit in edits)]
    tokens = repeats * math.lcm(*(prompt.token_count for prompt in prompts))
    width = HEADS * CHANNELS
    k, v = (
        repeated_tokens(
            [random(p.token_count, width, seed=seed + which + 2 * row) for row, p in enumerate(prompts * groups)],
            tokens,
        )
        for which in (0, 1)
    )
    q = random(len(prompts) * groups, QUERIES, width, seed=seed + 1000)
    return tuple(unfold(as_sampled(tensor, edits)) for tensor in (q, k, v))


def as_sampled(tensor, edits):
    """A target with the very prompt of its source and no edit that tells them apart is its source, row for row."""
    tensor = tensor.clone()
    by_row = tensor.unflatten(0, (-1, 1 + len(edits)))
    for row, edit in enumerate(edits, start=1):
        if edit.is_identity and edit.source == edit.target:
            by_row[:, row] = by_row[:, 0]
    return tensor


def unfold(tensor):
    rows, tokens, _ = tensor.shape
    return tensor.reshape(rows, tokens, HEADS, CHANNELS).transpose(1, 2)


def by_group(function, tensors, edits, progress):
    rows = 1 + len(edits)
    groups = zip(*(tensor.split(rows) for tensor in tensors), strict=True)
    return torch.cat([function(*group, edits, progress) for group in groups])


def operators_of(edits, progress):
    return [token_operators(edit, progress) for edit in edits]


def beside(operators, v):
    """The edits of a batch of one chunk with these values."""
    return row_edits([operators], *v.shape[:2], v.device, v.dtype)


def edited(q, k, v, operators, attend=ATTEND):
    edits = beside(operators, v)
    return attention.edited_cross_attention(attend, q, k, edits.values(v), edits, GRID, HEADS)


def cross_maps_times_values(q, k, v, edits, progress):
    return naive.cross_attention(q, k, v, edits, progress, GRID)


def edited_self(q, k, v, operators, grids=("coarse", "medium", "all")):
    return attention.edit_self_attention(q, k, v, self_reads([operators], len(q), grids, q.device))


@settings(max_examples=150)
@given(groups_of_edits(), fractions, st.integers(1, 2), st.integers(1, 2), st.integers(0, 50))
def test_cross_attention_equals_the_explicit_maps(edits, progress, groups, repeats, seed):
    q, k, v = cross_inputs(edits, groups, repeats, seed)
    expected = by_group(cross_maps_times_values, (q, k, v), edits, progress)
    found = edited(fold(q), fold(k), fold(v), operators_of(edits, progress))
    assert largest_difference(found, fold(expected)) < TOLERANCE


@settings(max_examples=60)
@given(groups_of_edits(), fractions, st.integers(1, 2))
def test_self_attention_equals_the_explicit_maps(edits, progress, groups):
    rows = groups * (1 + len(edits))
    q, k, v = (as_sampled(random(rows, HEADS, QUERIES, CHANNELS, seed=seed), edits) for seed in range(3))
    expected = by_group(naive.self_attention, (q, k, v), edits, progress)
    injected = edited_self(fold(q), fold(k), fold(v), operators_of(edits, progress))
    assert largest_difference(ATTEND(*injected), fold(expected)) < TOLERANCE


@given(groups_of_edits(), fractions, st.integers(1, 2), st.integers(1, 2))
def test_before_the_projections_equals_after_them(edits, progress, groups, repeats):
    """The projections have no bias, so mixing tokens may come before them."""
    operators = operators_of(edits, progress)
    hidden, context, _ = (fold(tensor) for tensor in cross_inputs(edits, groups, repeats))
    to_q, to_k, to_v = (random(8, 8, seed=seed) / 8**0.5 for seed in (3, 4, 5))
    edits = beside(operators, context)
    found = ATTEND(edits.look(hidden) @ to_q, edits.look(context) @ to_k, edits.mix(context) @ to_v)
    q, k, v = hidden @ to_q, context @ to_k, context @ to_v
    terms = edits.further
    assert (terms is None) == (not any(operator is not None and operator.has_further_terms for operator in operators))
    if terms is not None:
        results = ATTEND(edits.looks(q).further, edits.looks(k).further, terms.values(context) @ to_v)
        found = terms.add_to(found, results, q, k, GRID, HEADS)
    expected = edited(q, k, v, operators)
    assert largest_difference(found, expected) < TOLERANCE


@settings(max_examples=60)
@given(groups_of_edits(), fractions)
def test_rows_without_an_edit_are_bit_equal_to_an_unpatched_run(edits, progress):
    q, k, v = (fold(tensor) for tensor in cross_inputs(edits, 2, 1))
    operators = operators_of(edits, progress)
    plain = ATTEND(q, k, v)
    found = edited(q, k, v, operators)
    rows = 1 + len(edits)
    for row in range(2 * rows):
        target = row % rows - 1
        if target < 0 or operators[target] is None or not operators[target].edits_cross_attention:
            assert torch.equal(found[row], plain[row])


def test_nothing_to_do_returns_the_same_objects():
    q, k, v = (fold(tensor) for tensor in cross_inputs([SWAP], 1, 1))
    identity = [token_operators(replace(CAT, CAT, ALWAYS, ALWAYS), 0)]
    injecting = [token_operators(replace(CAT, SWAP.target, NEVER, ALWAYS), 0)]
    for edits in (beside(identity, v), beside(injecting, v)):
        assert (edits.look(q), edits.mix(v), edits.further) == (q, v, None)
    assert all(new is old for new, old in zip(edited_self(q, k, v, identity), (q, k, v), strict=True))


def test_self_attention_of_one_tensor_stays_one():
    """The host hands over one tensor as q, k and v: what is the same rows of it is made once."""
    hidden = random(2, QUERIES, 8)
    grids = ("coarse",)
    injected = [token_operators(replace(CAT, SWAP.target, NEVER, ALWAYS), 0)]
    q, k, v = edited_self(hidden, hidden, hidden, injected, grids)
    assert q is k is not hidden and v is hidden
    mutual = [token_operators(replace(CAT, SWAP.target, NEVER, ALWAYS, self_mode="mutual"), 0)]
    q, k, v = edited_self(hidden, hidden, hidden, mutual, grids)
    assert k is v is not hidden and q is hidden


class TestCost:
    """How many rows the kernel is asked to compute."""

    def rows_of_calls(self, edits, groups=1):
        calls = []

        def attend(q, k, v):
            calls.append(q.shape[0])
            return ATTEND(q, k, v)

        q, k, v = (fold(tensor) for tensor in cross_inputs(edits, groups, 1))
        edited(q, k, v, operators_of(edits, 0), attend)
        return calls

    def test_one_term_is_one_call(self):
        assert self.rows_of_calls([SWAP, FADER]) == [3]

    def test_only_rows_of_two_terms_are_computed_twice(self):
        assert self.rows_of_calls([SWAP, GROWN, FADER], groups=2) == [8, 2]

    def test_moved_words_cost_their_terms(self):
        assert self.rows_of_calls([SWAP, MOVED]) == [3, 2]  # its own map, and what it inherits and moves


class TestOnADevice:
    def test_nothing_waits_for_the_device(self):
        """Tensors on the meta device have no content: reading any of it raises."""
        edits = [SWAP, GROWN, FADER, MOVED]
        q, k, v = (fold(tensor).to("meta") for tensor in cross_inputs(edits, 2, 1))
        operators = operators_of(edits, 0)
        assert edited(q, k, v, operators).is_meta
        assert edited_self(q, k, v, operators)[0].is_meta
        assert beside([operators[0], operators[2]], v[:3]).mix(v[:3]).is_meta

    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 4e-3), (torch.bfloat16, 3e-2)])
    def test_half_precision(self, dtype, tolerance):
        edits = [SWAP, GROWN, FADER, MOVED]
        q, k, v = (fold(tensor).to(dtype) for tensor in cross_inputs(edits, 1, 1))
        found = edited(q, k, v, operators_of(edits, 0))
        exact = edited(q.float(), k.float(), v.float(), operators_of(edits, 0))
        assert found.dtype == dtype
        assert largest_difference(found, exact) < tolerance * exact.abs().max().item()


def output(edits, progress=0.0, groups=1):
    q, k, v = (fold(tensor) for tensor in cross_inputs(edits, groups, 1))
    return edited(q, k, v, operators_of(edits, progress))


class TestMetamorphic:
    """Two ways to say the same thing give the same picture."""

    def test_a_scale_and_its_inverse(self):
        there_and_back = reweight(reweight(GROWN, "red", 2.0), "red", 0.5)
        assert torch.equal(output([there_and_back]), output([GROWN]))

    def test_the_order_of_scales(self):
        first = reweight(reweight(GROWN, "red", 3), "red cat", 0.5)
        second = reweight(reweight(GROWN, "red cat", 0.5), "red", 3)
        assert torch.equal(output([first]), output([second]))

    def test_a_phrase_is_its_words(self):
        first, second = reweight(GROWN, "red cat", 3), reweight(reweight(GROWN, "red", 3), "cat", 3)
        assert torch.equal(output([first]), output([second]))

    @pytest.mark.parametrize("progress", [0, 0.25, 0.5, 0.75])
    def test_a_scale_window_split_in_two(self, progress):
        whole = reweight(GROWN, "red", 3, Window(0, 0.75))
        halves = reweight(reweight(GROWN, "red", 3, Window(0, 0.5)), "red", 3, Window(0.5, 0.75))
        assert torch.equal(output([whole], progress), output([halves], progress))

    def test_a_word_window_equal_to_the_cross_window(self):
        window = Window(0, 0.5)
        for progress in (0.25, 0.5):
            plain = refine(CAT, GROWN.target, window, None)
            said_twice = refine(CAT, GROWN.target, window, None, (("cat", window),))
            assert torch.equal(output([plain], progress), output([said_twice], progress))

    def test_moves_add_up(self):
        twice = move(move(GROWN, "red", Placement(0.1, 0.2, 2)), "red", Placement(0.3, -0.1, 0.5))
        once = move(GROWN, "red", Placement(0.1 + 0.3, 0.2 - 0.1))
        assert torch.equal(output([twice]), output([once]))

    def test_a_move_and_its_inverse(self):
        there_and_back = move(move(GROWN, "red", Placement(0.25, 0, 2)), "red", Placement(-0.25, 0, 0.5))
        assert torch.equal(output([there_and_back]), output([GROWN]))

    def test_moving_by_nothing(self):
        assert torch.equal(output([move(GROWN, "red", Placement())]), output([GROWN]))
        assert torch.equal(output([move(GROWN, "red", Placement(0.5), NEVER)]), output([GROWN]))

    def test_a_move_by_whole_places_shifts_the_map(self):
        moved = naive.moved_map(torch.arange(6.0).reshape(1, 6, 1), GRID, Placement(1 / 3, 0.5), (0.5, 1))
        assert moved.flatten().tolist() == pytest.approx([0, 0, 0, 0, 0, 1], abs=1e-5)

    def test_scaling_and_moving_commute(self):
        first = reweight(move(GROWN, "red", Placement(0.2)), "red", 3)
        second = move(reweight(GROWN, "red", 3), "red", Placement(0.2))
        assert torch.equal(output([first]), output([second]))

    def test_refine_equals_replace_where_no_word_is_replaced(self):
        assert torch.equal(output([GROWN]), output([replace(CAT, GROWN.target, ALWAYS, None)]))

    def test_there_and_back_again(self):
        """a → b → a is the identity on all tokens of words with as many tokens, and on the structure."""
        back = replace(SWAP.target, CAT, ALWAYS, None)
        assert torch.equal(SWAP.alignment.mapper @ back.alignment.mapper, torch.eye(CAT.token_count))

    def test_a_pure_swap_ignores_the_target_layout(self):
        """Its maps are all the source's, so the target's own queries and keys do not matter."""
        q, k, v = (fold(tensor) for tensor in cross_inputs([SWAP], 1, 1))
        other = q.clone()
        other[1] = random(*q[1].shape, seed=9)
        found = [edited(each, k, v, operators_of([SWAP], 0)) for each in (q, other)]
        assert torch.equal(*found)

    def test_targets_do_not_see_each_other(self):
        q, k, v = (fold(tensor) for tensor in cross_inputs([SWAP, GROWN, FADER], 1, 1))
        together = edited(q, k, v, operators_of([SWAP, GROWN, FADER], 0))
        for row, edit in enumerate([SWAP, GROWN, FADER], start=1):
            alone = edited(*(tensor[[0, row]] for tensor in (q, k, v)), operators_of([edit], 0))
            assert largest_difference(alone[1], together[row]) < 1e-6

    def test_groups_do_not_see_each_other(self):
        both = output([SWAP, GROWN], groups=2)
        q, k, v = (fold(tensor) for tensor in cross_inputs([SWAP, GROWN], 2, 1))
        second = edited(q[3:], k[3:], v[3:], operators_of([SWAP, GROWN], 0))
        assert largest_difference(second, both[3:]) < 1e-6

    def test_an_edit_is_linear_in_its_scale(self):
        low, middle, high = (output([reweight(GROWN, "red", scale)]) for scale in (-1, 1, 3))
        assert largest_difference((low + high) / 2, middle) < TOLERANCE
        assert largest_difference(low, high) > 0.1


def test_a_changed_number_of_tokens_is_refused():
    q, k, v = (fold(tensor) for tensor in cross_inputs([SWAP], 1, 1))
    with pytest.raises(P2PError, match="has 11 tokens, which is no multiple of the 12 of its prompt"):
        edited(q, k[:, :11], v[:, :11], operators_of([SWAP], 0))
    with pytest.raises(P2PError, match="no multiple of the 12"):
        beside(operators_of([FADER], 0), v[:, :11])
