"""The tables, the sheets and the strips of a report."""

import numpy
import pytest
from p2p.development import report
from p2p.development.edits import EDITS, FADED, MOVED, SHIFTS
from p2p.development.pictures import Strips, save
from p2p.development.sections import SECTIONS, Section, arm_rows, curve_rows, goal_rows, map_rows, mean_rows
from p2p.development.sheets import Column, contact_sheet
from p2p.development.studio import Shot
from p2p.development.trials import fading, moving, swap
from PIL import Image

SECTION = Section("a title", ("plain", "p2p"), (("seen", "success", "{:.0%}"), ("s", "seconds", "{:.1f}")), "")


def shot(value, rows=2):
    return Shot([numpy.full((32, 32, 3), value, numpy.uint8)] * rows, None)


def test_a_row_per_arm_named_once():
    rows = arm_rows(SECTION, "cat", {"success_plain": 0.5, "seconds_plain": 1.0, "seconds_p2p": 2.0})
    assert rows == [["cat", "same seed", "50%", "1.0"], ["", "Prompt-to-Prompt", "–", "2.0"]]


def test_an_arm_that_was_not_run_has_no_row():
    assert [row[1] for row in arm_rows(SECTION, "cat", {"seconds_p2p": 2.0})] == ["Prompt-to-Prompt"]


def test_the_mean_over_scales_leaves_out_what_the_scale_sets():
    made = {"sections": {"reweight": {"names": ["a", "b"], "mean": {"mask_iou_p2p": 0.5, "colour_p2p": 0.5}}}}
    heading, *rows = mean_rows("reweight", made)
    assert "colour" not in heading
    assert len(rows) == 1
    assert rows[0][:3] == ["all 2", "Prompt-to-Prompt", "0.50"]
    assert "colour" in [title for title, _, _ in SECTIONS["reweight"].columns]


def test_object_swaps_have_a_mean_of_their_own():
    made = {"sections": {"replace": {"names": ["a", "b"], "mean": {"success_p2p": 0.5}}}, "judged": True}
    rows = mean_rows("replace", {**made, "object_swaps": {"success_p2p": 1.0}})
    assert [row[:3] for row in rows[1:]] == [
        ["object swaps", "Prompt-to-Prompt", "100%"], ["all 2", "Prompt-to-Prompt", "50%"],
    ]  # fmt: skip


def test_rows_of_a_curve():
    arms = {f"{name}_{arm}": [0.1, None] for name in ("colour", "success") for arm in ("plain", "switching", "p2p")}
    rows = curve_rows({"curve": {"scales": [-1, 3], **arms}})
    assert rows[0] == ["colour at scale", "-1", "3"]
    assert rows[3] == ["Prompt-to-Prompt", "0.10", "–"]
    assert curve_rows({"curve": {}}) == []


def test_rows_of_maps_and_of_goals():
    entry = {"word": "car", "source": "a car", "raw": 2.0, "floor_free": 3.0, "largest": 5.0}
    assert map_rows({"maps": [entry], "maps_mean": entry})[1] == ["car: a car", "2.00", "3.00", "5.00"]
    assert map_rows({"maps": [entry, entry], "maps_mean": entry})[-1][0] == "mean"
    goal = {"goal": "a", "asked": "b", "value": "c", "reached": False}
    assert goal_rows({"goals": [goal]})[1] == ["a", "b", "c", "NOT REACHED"]


def test_lines_of_a_table_are_of_one_length():
    table = report._text_table([["edit", "", "a long heading"], ["cat_to_dog", "same seed", "1"], ["", "P2P", "–"]])
    assert len({len(line) for line in table.splitlines()}) == 1


def test_a_trial_leaves_a_sheet_and_every_picture(tmp_path):
    trial = swap(EDITS[0])
    shots = {arm.key: shot(20) for arm in trial.arms}
    names = save(trial, shot(10), shots, ["one", "two"], tmp_path)
    assert names[0] == "cat_to_dog.png"
    assert len(names) == 1 + 2 * (1 + len(trial.arms))
    assert "cat_to_dog/02_blend.png" in names
    assert all((tmp_path / name).is_file() for name in names)


def shades(file, count):
    """Return the shades of the columns of a sheet of 32-pixel pictures, from left to right."""
    sheet = numpy.asarray(Image.open(file))
    return [int(sheet[-100, 116 + 204 * column + 96, 0]) for column in range(count)]


def test_a_strip_has_the_source_where_one_belongs(tmp_path):
    strips = Strips(tmp_path, ["one"])
    for scale, value in ((2, 50), (-1, 20), (0, 30)):
        strips.add(fading(FADED[0], scale), shot(40, 1), shot(value, 1))
    strips.save()
    assert shades(tmp_path / "fader_red_car.png", 4) == [20, 30, 40, 50]


def test_a_strip_of_moves_begins_with_the_source(tmp_path):
    strips = Strips(tmp_path, ["one"])
    for number, shift in enumerate(SHIFTS):
        strips.add(moving(MOVED[0], shift), shot(10, 1), shot(20 + number, 1))
    strips.add(swap(EDITS[0]), shot(10, 1), shot(99, 1))  # is on no strip
    strips.save()
    assert [file.name for file in tmp_path.iterdir()] == ["move_red_car.png"]
    assert shades(tmp_path / "move_red_car.png", 4) == [10, 20, 21, 22]


@pytest.mark.parametrize(
    ("shape", "cell"), [((128, 128), (192, 192)), ((1024, 512), (384, 768)), ((96, 160), (192, 115))]
)
def test_sheet_has_a_cell_per_picture(shape, cell):
    images = [numpy.full((*shape, 3), 200, numpy.uint8)] * 2
    columns = [Column("a title that is too long for one line of it", "a prompt", images)] * 3
    sheet = contact_sheet(columns, ["seed 1", "seed 2"])
    grey = (numpy.asarray(sheet) == 200).all(axis=2).sum()
    assert abs(grey - 6 * cell[0] * cell[1]) < 100
    assert isinstance(sheet, Image.Image)
