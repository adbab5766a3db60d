"""What every kind of edit is to do, on made-up verdicts."""

from collections import namedtuple

import pytest
import torch
from p2p.development.aims import Coloured, Moved, Resized, Shown, aim_of, place_of
from p2p.development.edits import ADDITIONS, EDITS, MORE_ADDITIONS

Verdict = namedtuple("Verdict", "object_probability colour_probability background_probability mask")


def verdict(colour=(0.0, 0.0), objects=(1.0, 0.0), side=8, left=0):
    mask = torch.zeros(1, 32, 32)
    mask[:, :side, left : left + side] = 1
    return Verdict(torch.tensor([objects]), torch.tensor([colour]), torch.tensor([[0.2, 0.8]]), mask)


def test_what_is_shown_is_what_was_asked_for():
    assert Shown("object", 0).measure(verdict(), verdict())["success"].tolist() == [1]
    assert Shown("background", 0).measure(verdict(), verdict())["success"].tolist() == [0]


@pytest.mark.parametrize(("side", "larger", "success"), [(9, True, 1), (8, True, 0), (8, False, 0), (7, False, 1)])
def test_a_size_is_of_the_area(side, larger, success):
    assert Resized(larger).measure(verdict(side=8), verdict(side=side))["success"].tolist() == [success]


@pytest.mark.parametrize(
    ("colour", "seen"),
    [((0.6, 0.1), 1), ((0.3, 0.4), 0), ((0.4, 0.0), 0)],  # more than any other, another, and no colour has more
)
def test_a_colour_competes_with_the_natural_one(colour, seen):
    found = Coloured(0).measure(verdict(), verdict(colour=colour))
    assert found["success"].tolist() == [seen]
    assert found["colour"].item() == pytest.approx(colour[0])


def test_a_moved_object_must_still_be_seen():
    found = Moved(1, (0.25, 0.0)).measure(verdict(), verdict(left=8))
    assert found["moved"].tolist() == [1]
    assert found["success"].tolist() == [0]


def test_aims_of_the_edits():
    assert aim_of(EDITS[0]) == Shown("object", place_of("object", "dog"))
    sizes = {edit.target.size: aim_of(edit) for edit in ADDITIONS + MORE_ADDITIONS if edit.attribute == "size"}
    assert sizes == {"huge": Resized(True), "small": Resized(False)}
