"""Edits, controllers and the operators of a step."""

import pytest
import torch
from core_cases import TOKENIZER, edits_of, fractions, groups_of_edits
from hypothesis import given
from hypothesis import strategies as st
from p2p.p2p_core import naive
from p2p.p2p_core.edit import Controller, combine, refine, replace, reweight
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.operators import plan, token_operators
from p2p.p2p_core.windows import Window

CAT, DOG = TOKENIZER.read("a red cat"), TOKENIZER.read("a red dog, a cat")
ALWAYS, NEVER = Window(0, 1), Window(0, 0)


class TestIdentity:
    def test_empty_windows(self):
        edit = replace(CAT, DOG, NEVER, None, (("dog", Window(0.5, 0.5)),))
        assert edit.is_identity and token_operators(edit, 0.5) is None

    def test_a_window_for_a_word_that_inherits_nothing(self):
        assert refine(CAT, TOKENIZER.read("a red dog"), NEVER, None, (("dog", ALWAYS),)).is_identity

    def test_the_source_itself(self):
        assert replace(CAT, TOKENIZER.read("a red cat"), ALWAYS, ALWAYS).is_identity

    def test_scales_that_cancel(self):
        edit = reweight(reweight(replace(CAT, CAT, ALWAYS, None), "red", 2), "red", 0.5)
        assert edit.is_identity

    @pytest.mark.parametrize("edit", [
        replace(CAT, DOG, ALWAYS, None),
        replace(CAT, DOG, NEVER, ALWAYS),
        replace(CAT, DOG, NEVER, None, (("cat", ALWAYS),)),
        reweight(replace(CAT, CAT, NEVER, None), "red", 2),
        reweight(reweight(replace(CAT, CAT, NEVER, None), "red", 2, Window(0, 0.5)), "red", 0.5, Window(0.5, 1)),
    ])  # fmt: skip
    def test_everything_else_is_none(self, edit):
        assert not edit.is_identity
        assert any(token_operators(edit, progress) is not None for progress in (0.0, 0.5))

    def test_the_same_words_with_other_weights_are_an_edit(self):
        assert not replace(CAT, TOKENIZER.read("a (red:1.5) cat"), ALWAYS, None).is_identity

    @given(st.data())
    def test_an_identity_never_has_operators(self, data):
        edit = data.draw(edits_of(CAT))
        edited = any(operators is not None for operators in plan(edit, [0, 0.25, 0.5, 0.75, 1]))
        assert not (edit.is_identity and edited)


class TestWordWindows:
    def test_later_entries_win(self):
        edit = replace(CAT, DOG, ALWAYS, None, (("a", NEVER), ("a#2", Window(0, 0.5))))
        first, second = DOG.find("a#1"), DOG.find("a#2")
        a = naive.inheritance(edit, 0.25)
        assert not a[list(first)].any()
        assert torch.equal(a[list(second)], edit.inherits[list(second)].float())

    @pytest.mark.parametrize("make", [replace, refine])
    def test_a_word_that_the_target_lacks(self, make):
        with pytest.raises(
            P2PError, match=r'"wolf" is not in the prompt "a red dog, a cat"\. Its words are: a, red, dog, cat\.'
        ):
            make(CAT, DOG, ALWAYS, None, (("wolf", NEVER),))


class TestReweight:
    def test_scales_multiply(self):
        edit = reweight(reweight(refine(CAT, DOG, ALWAYS, None), "red dog", 3), "dog", -2)
        e = naive.equalizer(edit, 0.5)
        assert set(e[list(DOG.find("red"))].tolist()) == {3}
        assert set(e[list(DOG.find("dog"))].tolist()) == {-6}
        assert (e != 1).sum() == len(DOG.find("red dog"))

    def test_the_edit_it_is_given_stays_as_it_is(self):
        edit = refine(CAT, DOG, ALWAYS, None)
        assert reweight(edit, "dog", 2) is not edit and edit.scales == ()

    @pytest.mark.parametrize("scale", [float("nan"), float("inf"), "2", None, True])
    def test_a_scale_that_is_no_number(self, scale):
        with pytest.raises(P2PError, match=r'The scale of "dog" is .*: give a number such as'):
            reweight(refine(CAT, DOG, ALWAYS, None), "dog", scale)

    def test_a_phrase_that_the_target_lacks(self):
        with pytest.raises(P2PError, match='"red cat" is not in the prompt'):
            reweight(refine(CAT, DOG, ALWAYS, None), "red cat", 2)


class TestController:
    def test_targets_come_in_order(self):
        edits = [replace(CAT, TOKENIZER.read(text), ALWAYS, None) for text in ("a red dog", "a red bear", "a cat")]
        both = combine(Controller(CAT, tuple(edits[:2])), Controller(TOKENIZER.read("a red cat"), tuple(edits[2:])))
        assert both.edits == tuple(edits) and both.source == CAT

    def test_different_sources(self):
        first, second = (Controller(source, (replace(source, CAT, ALWAYS, None),)) for source in (CAT, DOG))
        with pytest.raises(P2PError, match='different source prompts: "a red cat" and "a red dog, a cat"'):
            combine(first, second)

    def test_no_edit(self):
        with pytest.raises(P2PError, match='A controller of "a red cat" needs at least one edit'):
            Controller(CAT, ())


class TestOperators:
    @given(groups_of_edits(), fractions)
    def test_they_are_the_columns_of_the_edited_map(self, edits, progress):
        for edit in edits:
            operators = token_operators(edit, progress)
            if operators is None:
                continue
            a, e = naive.inheritance(edit, progress), naive.equalizer(edit, progress)
            expected_inherit, expected_own = edit.alignment.mapper * (a * e), (1 - a) * e
            parts = [operators, *operators.moved]  # every column is in one of them
            zero, zeros = torch.zeros_like(expected_inherit), torch.zeros_like(expected_own)
            inherit = sum((part.inherit for part in parts if part.inherit is not None), zero)
            own = sum((part.own for part in parts if part.own is not None), zeros)
            assert torch.equal(inherit, expected_inherit)
            assert torch.equal(own, expected_own)
            assert operators.inherit is not None or operators.own is not None

    def test_plan_makes_operators_once_per_state(self):
        edit = replace(CAT, DOG, Window(0, 0.8), Window(0, 0.4), (("dog", Window(0, 0.2)),))
        steps = plan(edit, [step / 50 for step in range(50)])
        assert len({id(step) for step in steps if step is not None}) == 3
        assert [step is None for step in steps] == [step >= 40 for step in range(50)]
        assert [step is not None and step.self_attention is not None for step in steps] == [s < 20 for s in range(50)]

    @given(st.data())
    def test_plan_is_token_operators_of_every_step(self, data):
        edit = data.draw(edits_of(CAT))
        progress = [0, 0.3, 0.6, 0.9]
        for step, value in zip(plan(edit, progress), progress, strict=True):
            alone = token_operators(edit, value)
            assert (step is None) == (alone is None)
            if step is not None and alone is not None:
                for name in ("inherit", "own"):
                    first, second = getattr(step, name), getattr(alone, name)
                    assert (first is None) == (second is None) and (first is None or torch.equal(first, second))

    def test_one_term_where_the_other_vanishes(self):
        swap = token_operators(replace(CAT, TOKENIZER.read("a red dog"), ALWAYS, None), 0)
        assert swap.inherit is not None and swap.own is None and not swap.has_further_terms
        fader = token_operators(reweight(replace(CAT, CAT, NEVER, None), "red", 2), 0)
        assert fader.inherit is None and fader.own is not None and fader.edits_cross_attention
        added = token_operators(refine(CAT, DOG, ALWAYS, None), 0)
        assert added.has_further_terms

    def test_injection_alone_leaves_cross_attention(self):
        operators = token_operators(replace(CAT, DOG, NEVER, ALWAYS), 0)
        assert operators.self_attention and not operators.edits_cross_attention
        assert operators.inherit is None and (operators.own == 1).all()
