"""The README's pictures are made of what the demo leaves behind."""

import importlib.util

import numpy
import pytest
from p2p.development import attention, edits, paths, trials
from PIL import Image


@pytest.fixture
def make_pictures():
    spec = importlib.util.spec_from_file_location("p2p_make_pictures", paths.ROOT / "docs" / "make_pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def left_by_a_demo():
    """Return ``edit/arm`` of every single picture."""
    names = {f"{trial.name}/{arm.key}" for trial in trials.all_trials(False) for arm in trial.arms}
    names |= {f"{trial.name}/source" for trial in trials.all_trials(False)}
    return names | {f"{attention.name_of(scene)}/{title}" for scene in edits.SEEN for title in ("picture", "attention")}


def test_every_picture_is_left_by_a_demo(make_pictures):
    wanted = {name for cells in make_pictures.KINDS.values() for name in cells.values()}
    wanted |= {f"{edit}/{arm}" for edit in make_pictures.EDITS for arm in make_pictures.ARMS}
    assert wanted <= left_by_a_demo()


def test_a_row_per_kind(make_pictures, tmp_path):
    for name in left_by_a_demo():
        folder, arm = name.split("/")
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.new("RGB", (128, 128), (200,) * 3).save(tmp_path / folder / f"01_{arm}.png")
    for sheet, cell, count in (
        (make_pictures.kinds(tmp_path, 1), 128, sum(map(len, make_pictures.KINDS.values()))),
        (make_pictures.results(tmp_path, 1), 192, len(make_pictures.EDITS) * len(make_pictures.ARMS)),
    ):
        grey = (numpy.asarray(sheet) == 200).all(axis=2).sum()
        assert abs(grey - count * cell * cell) < 100
