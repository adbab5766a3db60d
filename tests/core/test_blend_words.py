"""Which tokens a local blend looks at, from what a person named or left out."""

import pytest
from core_cases import TOKENIZER
from p2p.p2p_core.blend_words import BlendWords, words_of_blend
from p2p.p2p_core.edit import move, refine, replace, reweight
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.placement import Placement
from p2p.p2p_core.windows import Window

ALWAYS = Window()


def edit(source, target, make=replace):
    return make(TOKENIZER.read(source), TOKENIZER.read(target), ALWAYS, None)


def found(edit, target=(), source=(), keep=(), **named):
    """The texts of the words that were found: of the source, of the target, kept in the source, kept in the target."""
    (positions,) = words_of_blend([edit], BlendWords(tuple(target), tuple(source), tuple(keep)), **named)
    sides = (
        (edit.source, positions.source),
        (edit.target, positions.target),
        (edit.source, positions.keep_source),
        (edit.target, positions.keep_target),
    )
    texts = []
    for prompt, chosen in sides:
        words = [word for word in prompt.words if set(word.positions) & set(chosen)]
        assert sorted(chosen) == sorted(position for word in words for position in word.positions)
        assert list(chosen) == sorted(set(chosen))
        texts.append(" ".join(word.text for word in words))
    return tuple(texts)


class TestLeftOut:
    @pytest.mark.parametrize(
        ("source", "target", "of_source", "of_target"),
        [
            ("a red cat on the mat", "a red dog on the mat", "cat", "dog"),
            ("a cat with a burger", "a dog with a bear", "cat burger", "dog bear"),
            ("a cat", "a fluffy red cat", "", "fluffy red"),
            ("a fluffy red cat", "a cat", "fluffy red", ""),
            ("a red cat", "a teddy bear", "red cat", "teddy bear"),
            ("the cat, the dog", "the cat, the burger", "dog", "burger"),
        ],
    )
    def test_the_words_that_changed_and_those_they_took_the_place_of(self, source, target, of_source, of_target):
        assert found(edit(source, target)) == (of_source, of_target, "", "")

    def test_scaled_and_moved_words_count_as_changed(self):
        same = edit("a red cat on the mat", "a red cat on the mat")
        assert found(reweight(same, "red", 2.0)) == ("red", "red", "", "")
        assert found(move(same, "cat", Placement(0.2))) == ("cat", "cat", "", "")
        assert found(move(reweight(same, "mat", 2.0), "red cat", Placement(0.2))) == ("red cat mat",) * 2 + ("", "")

    def test_scaled_words_join_the_swapped_ones(self):
        swap = edit("a red cat on the mat", "a red dog on the mat")
        assert found(reweight(swap, "mat", 2.0)) == ("cat mat", "dog mat", "", "")

    def test_it_does_not_depend_on_whether_a_word_inherits(self):
        prompts = ("a red cat on the mat", "a red dog on the mat")
        assert found(edit(*prompts, refine)) == found(edit(*prompts))

    def test_an_edit_that_changes_no_word_is_refused(self):
        with pytest.raises(P2PError, match=r'The edit of "a red cat" changes no word.*target_words'):
            found(edit("a red cat", "a red cat"))

    def test_a_mask_needs_no_words(self):
        assert found(edit("a red cat", "a red cat"), needs_words=False) == ("", "", "", "")


class TestNamed:
    SWAP = ("a red cat on the mat", "a red dog on the mat")

    def test_target_words_bring_those_they_took_the_place_of(self):
        assert found(edit(*self.SWAP), target=["dog"]) == ("cat", "dog", "", "")
        assert found(edit(*self.SWAP), target=["red dog"]) == ("red cat", "red dog", "", "")
        assert found(edit(*self.SWAP), target=["mat"]) == ("mat", "mat", "", "")

    def test_named_words_do_not_bring_removed_ones(self):
        removing = edit("a fluffy red cat on the mat", "a red dog on the mat")
        assert found(removing, target=["red"]) == ("red", "red", "", "")
        named = found(removing, target=["dog"])
        assert named[1] == "dog"
        assert "red" not in named[0].split()

    def test_source_words_alone(self):
        assert found(edit(*self.SWAP), source=["mat"]) == ("mat", "dog", "", "")

    def test_both_sides(self):
        assert found(edit(*self.SWAP), target=["dog"], source=["red", "cat"]) == ("red cat", "dog", "", "")

    def test_words_to_keep_may_stand_in_either_prompt(self):
        assert found(edit(*self.SWAP), keep=["mat"]) == ("cat", "dog", "mat", "mat")
        assert found(edit(*self.SWAP), keep=["cat"]) == ("cat", "dog", "cat", "")
        assert found(edit(*self.SWAP), keep=["dog", "red"]) == ("cat", "dog", "red", "red dog")

    def test_an_occurrence(self):
        twice = edit("a cat with a cat", "a cat with a dog")
        assert found(twice, target=["a#2"])[1] == "a"
        (positions,) = words_of_blend([twice], BlendWords(("a#2",)))
        assert positions.target == twice.target.find("a#2")
        assert len(positions.target) < len(twice.target.find("a"))

    @pytest.mark.parametrize(
        ("named", "missing"),
        [({"target": ["cat"]}, "cat"), ({"source": ["dog"]}, "dog"), ({"keep": ["burger"]}, "burger")],
    )
    def test_words_that_are_not_there(self, named, missing):
        with pytest.raises(P2PError, match=f'"{missing}" is not in the prompt'):
            found(edit(*self.SWAP), **named)

    @pytest.mark.parametrize(
        ("named", "said"),
        [
            ({}, "dog"),
            ({"target": ("red dog", "mat")}, "red dog, mat"),
            ({"source": ("mat",)}, "mat"),
            ({"target": ("dog",), "source": ("mat",)}, "dog, mat"),
        ],
    )
    def test_what_messages_call_them(self, named, said):
        (positions,) = words_of_blend([edit(*self.SWAP)], BlendWords(**named))
        assert positions.words == said

    def test_removed_words_are_called_by_their_name(self):
        (positions,) = words_of_blend([edit("a fluffy cat", "a cat")], BlendWords())
        assert positions.words == "fluffy"


class TestCombinedConditioning:
    """One target in several prompts, each with an edit of its own."""

    PARTS = (
        edit("a red cat", "a red dog"),
        edit("the mat", "the burger"),
    )

    def test_every_part_has_its_own_words(self):
        first, second = words_of_blend(self.PARTS, BlendWords())
        assert first.target == self.PARTS[0].target.find("dog")
        assert second.target == self.PARTS[1].target.find("burger")

    def test_a_word_must_stand_in_one_of_them(self):
        first, second = words_of_blend(self.PARTS, BlendWords(("dog",), (), ("the",)))
        assert first.target == self.PARTS[0].target.find("dog")
        assert second.target == second.source == ()
        assert first.keep_target == ()
        assert second.keep_target == self.PARTS[1].target.find("the")
        with pytest.raises(P2PError, match='"fluffy" is not in the prompt'):
            words_of_blend(self.PARTS, BlendWords(("fluffy",)))

    def test_one_part_that_changes_is_enough(self):
        same = edit("a red cat", "a red cat")
        first, second = words_of_blend([same, self.PARTS[1]], BlendWords())
        assert first.target == first.source == ()
        assert second.target
