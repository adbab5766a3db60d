"""The figures of a trial, from made-up pictures and a made-up judge."""

import numpy
import pytest
from p2p.development.edits import EDITS, FADED, PAIRS
from p2p.development.measuring import MEASURES, difference, means, measure
from p2p.development.studio import Shot
from p2p.development.trials import fading, swap, together

OBJECT_SWAP = next(swap(edit) for edit in EDITS if edit.attribute == "object")
BACKGROUND_SWAP = next(swap(edit) for edit in EDITS if edit.attribute == "background")


def shot(value, referee):
    return Shot([numpy.full((32, 32, 3), value + row, numpy.uint8) for row in range(2)], referee)


def figures_of(trial, referee, **shades):
    shots = {arm.key: shot(shades.get(arm.key, 90), referee) for arm in trial.arms}
    return measure(trial, shot(10, referee), shots, dict.fromkeys(shots, 2.0))


def test_every_arm_has_every_measure(judge):
    figures = figures_of(OBJECT_SWAP, judge, p2p=30, blend=20)
    for arm in ("plain", "switching", "p2p", "blend"):
        assert all(figures[f"{name}_{arm}"] is not None for name in MEASURES)
        assert figures[f"seconds_{arm}"] == 2
    assert figures["mask_iou_p2p"] == 1
    assert figures["centroid_px_p2p"] == 0
    assert figures["background_psnr_plain"] < figures["background_psnr_p2p"] < figures["background_psnr_blend"]


def test_beyond_a_cell_the_edge_of_an_object_does_not_count(judge):
    edge = shot(10, judge)
    for picture in edge.pictures:
        picture[:24, :24] = 90  # eight pixels wider than the made-up judge's outline
    shots = {arm.key: edge for arm in OBJECT_SWAP.arms}
    figures = measure(OBJECT_SWAP, shot(10, judge), shots, dict.fromkeys(shots, 2.0))
    assert figures["background_psnr_p2p"] < 30
    assert figures["background_psnr_beyond_p2p"] == 99


def test_an_ideal_mask_keeps_all_that_lies_in_other_cells(judge):
    figures = figures_of(OBJECT_SWAP, judge, p2p=30, blend=20)
    assert figures["background_psnr_ideal"] == 99  # the made-up judge's outline runs along cells
    assert "background_psnr_ideal" not in figures_of(BACKGROUND_SWAP, judge)


def test_background_of_a_changed_background_is_not_measured(judge):
    figures = figures_of(BACKGROUND_SWAP, judge)
    assert figures["background_psnr_p2p"] is figures["background_psnr_beyond_p2p"] is None
    assert figures["mask_iou_p2p"] == 1


def test_a_colour_is_measured_in_the_source_too(judge):
    figures = figures_of(fading(FADED[0], -1), judge)
    assert figures["colour_source"] == figures["colour_p2p"] == 1  # red is the first colour


def test_two_targets_are_compared_with_each_alone(judge):
    figures = figures_of(together(PAIRS[0])[0], judge, p2p=30, together=33)
    assert figures["alone_difference_together"] == pytest.approx(3)


def test_without_a_judge_there_are_no_judged_figures():
    figures = figures_of(OBJECT_SWAP, None)
    assert all(figures[f"{name}_{arm}"] is None for name in MEASURES for arm in ("plain", "switching", "p2p", "blend"))
    assert figures["background_psnr_ideal"] is None
    assert figures["seconds_p2p"] == 2


def test_difference_is_in_steps_of_a_byte():
    assert difference(shot(10, None), shot(13, None)) == pytest.approx(3)


def test_means_are_of_figures_only_and_of_those_that_are_there():
    first = {"name": "a", "value": 3, "success_p2p": 1.0, "moved_p2p": None}
    second = {"name": "b", "value": 3, "success_p2p": 0.0, "moved_p2p": 0.5, "colour_p2p": 0.2}
    assert means([first, second]) == {"success_p2p": 0.5, "moved_p2p": 0.5, "colour_p2p": 0.2}
    assert means([]) == {}
