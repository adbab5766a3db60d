"""What is expected of the embedded model, and the curve of a colour."""

import pytest
from p2p.development.goals import curve, goals


def faded(value, colour, source=0.5):
    arms = {f"{name}_{arm}": colour for name in ("colour", "success") for arm in ("plain", "switching", "p2p")}
    return {"value": value, **arms, "colour_source": source, "success_source": 1.0}


def result(**changes):
    empty = {"sections": {}, "curve": {}, "maps_mean": {"raw": None, "floor_free": None}, "edits": []}
    return {**empty, "record": None, "guidance": {"pairs": [], "places": []}, **changes}


def reached(**changes):
    return [goal["reached"] for goal in goals(result(**changes))]


def test_the_source_is_the_point_at_one():
    entries = [faded(3, 0.9), faded(-1, 0.1, source=0.3), faded(3, 0.7)]
    made = curve(entries)
    assert made["scales"] == [-1, 1, 3]
    assert made["colour_p2p"] == pytest.approx([0.1, (0.5 + 0.3 + 0.5) / 3, 0.8])
    assert made["success_plain"][1] == 1


def test_no_curve_without_colours():
    assert curve([]) == {}


@pytest.mark.parametrize(("values", "good"), [([0.1, 0.2, 0.3], True), ([0.1, 0.3, 0.3], False)])
def test_a_colour_must_rise_at_every_step(values, good):
    assert reached(curve={"scales": [-1, 1, 3], "colour_p2p": values}) == [good]


@pytest.mark.parametrize(("value", "good"), [(35.0, True), (34.9, False)])
def test_background_of_a_blend(value, good):
    mean = {"background_psnr_beyond_blend": value}
    assert reached(sections={"blend": {"mean": mean}}) == [good]


@pytest.mark.parametrize(("value", "good"), [(0.5, True), (0.49, False)])
def test_half_of_the_way(value, good):
    assert reached(sections={"move": {"mean": {"moved_p2p": value}}}) == [good]


def test_maps_raw_and_without_their_floor():
    assert reached(maps_mean={"raw": 2.2, "floor_free": 3.1}) == [True, False]


@pytest.mark.parametrize(("apart", "good"), [([1.0, 2.0], True), ([0.0, 3.0], False)])
def test_two_targets_are_as_each_alone(apart, good):
    assert reached(edits=[{"alone_difference_together": value} for value in apart]) == [good]


def test_what_was_not_run_or_judged_is_not_asked():
    assert goals(result()) == []
    unjudged = {"scales": [-1, 1], "colour_p2p": [None, None]}
    assert goals(result(curve=unjudged, sections={"blend": {"mean": {"success_blend": None}}})) == []
