"""The scenes of the demo and what is done to them."""

import pytest
from p2p.development import edits
from p2p.development.edits import EDITS, Edit, Scene

SWAPS = EDITS + edits.MORE_EDITS
ADDITIONS = edits.ADDITIONS + edits.MORE_ADDITIONS
ALONE = edits.FADED + edits.MORE_FADED + edits.MOVED + edits.MORE_MOVED + edits.SEEN + edits.MORE_SEEN


def of(attribute):
    return [edit for edit in EDITS if edit.attribute == attribute]


def test_there_are_enough_of_every_kind():
    assert len(EDITS) >= 8
    assert len(of("object")) >= 4
    assert len(of("background")) >= 2
    assert len(of("colour")) >= 2
    assert any(len(edit.target.prompt.split()) > len(edit.source.prompt.split()) for edit in EDITS)
    assert {edit.attribute for edit in edits.ADDITIONS} == {"colour", "background", "size"}
    assert len(edits.FADED) >= 2
    assert len(edits.MOVED) >= 4


def test_names_differ_and_fit_for_files():
    names = [edit.name for edit in SWAPS + ADDITIONS]
    assert len(set(names)) == len(names)
    assert all(name.replace("_", "").isalpha() for name in names)
    assert "cat_add_red" in names


@pytest.mark.parametrize("edit", SWAPS + ADDITIONS, ids=lambda edit: edit.name)
def test_every_word_is_in_the_vocabulary(edit):
    for scene in (edit.source, edit.target):
        assert_known(scene)
    assert edits.ATTRIBUTES[edit.attribute][edit.wanted] == getattr(edit.target, edit.attribute)


@pytest.mark.parametrize("scene", ALONE, ids=lambda scene: scene.phrase)
def test_scenes_that_are_edited_alone_are_in_the_vocabulary(scene):
    assert_known(scene)


def assert_known(scene):
    assert scene.object in edits.OBJECTS
    assert scene.background in (None, *edits.BACKGROUNDS)
    assert scene.colour in (None, *edits.COLOURS)
    assert scene.size in (None, *edits.SIZES)


@pytest.mark.parametrize("edit", ADDITIONS, ids=lambda edit: edit.name)
def test_an_addition_keeps_every_word(edit):
    words = edit.target.prompt.split()
    assert all(word in words for word in edit.source.prompt.split())
    assert len(words) > len(edit.source.prompt.split())


@pytest.mark.parametrize("pair", edits.PAIRS + edits.MORE_PAIRS)
def test_two_targets_have_one_source(pair):
    assert len({edit.source for edit in pair}) == 1
    assert len({edit.target for edit in pair}) == 2


def test_an_edit_changes_one_thing():
    with pytest.raises(ValueError, match="in 2 attributes"):
        Edit(Scene("cat", "grass"), Scene("dog", "snow")).attribute  # noqa: B018


def test_a_weight_stands_on_the_colour_only():
    scene = Scene("car", "grass", "red")
    assert scene.with_weight(-1) == "a photo of a (red:-1) car on grass"
    assert scene.with_weight(2) == "a photo of a (red:2) car on grass"
    assert scene.phrase == "red car"
