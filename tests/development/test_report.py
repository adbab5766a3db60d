"""What a demo leaves behind: figures, sheets and the report, from made-up pictures and a made-up judge."""

import json
from collections import namedtuple

import numpy
import pytest
import torch
from p2p.development import demo, graphs, report
from p2p.development.edits import EDITS
from p2p.development.measuring import FIGURES, Pictures, means, measure
from p2p.development.sheets import Column, contact_sheet
from PIL import Image

Verdict = namedtuple("Verdict", "object_probability colour_probability background_probability mask")
BATCHES = demo.plan(2, 8)
OBJECT_SWAP = next(edit for edit in EDITS if edit.attribute == "object")
COLOUR_SWAP = next(edit for edit in EDITS if edit.attribute == "colour")


def picture(value):
    return numpy.full((16, 16, 3), value, numpy.uint8)


def pictures(p2p_source=10):
    rows = {"source": 10, "plain": 90, "p2p": 30, "p2p_source": p2p_source}
    seconds = {"plain": 2.0, "p2p": 1.5}
    return Pictures(**{arm: [picture(value), picture(value + 1)] for arm, value in rows.items()}, seconds=seconds)


def judge(images):
    """See the first class of everything, and an object in the upper left."""
    mask = torch.zeros(images.shape[:3])
    mask[:, :4, :4] = 1
    first = torch.eye(1, 6).expand(len(images), 6)
    return Verdict(first, first, first, mask)


def entry(edit, folder, referee=judge):
    made = pictures()
    return {
        "name": edit.name,
        "source": edit.source.prompt,
        "target": edit.target.prompt,
        "attribute": edit.attribute,
        "seeds": 2,
        **measure(edit, made, referee),
        "images": demo.save(edit, made, demo.labels(BATCHES), folder),
    }


@pytest.fixture
def full_report(tmp_path):
    """Make a report of two edits with or without a judge."""

    def make(referee=judge):
        edits = [entry(edit, tmp_path, referee) for edit in (OBJECT_SWAP, COLOUR_SWAP)]
        return {
            "host": "0.3.75",
            "model": "mini SDXL",
            "device": "cpu",
            "steps": 4,
            "windows": graphs.windows(),
            "source_difference": 0.0,
            "edits": edits,
            "mean": means(edits),
            "object_swaps": means(edits[:1]),
        }

    return make


def test_figures_of_an_object_swap():
    figures = measure(OBJECT_SWAP, pictures(), judge)
    assert set(FIGURES) <= set(figures)
    assert (figures["seconds_plain"], figures["seconds_p2p"]) == (2.0, 1.5)
    assert figures["mask_iou_p2p"] == 1
    assert figures["centroid_px_p2p"] == 0
    assert figures["background_psnr_p2p"] > figures["background_psnr_plain"]
    assert figures["source_difference"] == 0


def test_background_is_measured_for_object_swaps_only():
    figures = measure(COLOUR_SWAP, pictures(), judge)
    assert figures["background_psnr_plain"] is figures["background_psnr_p2p"] is None
    assert figures["success_p2p"] == float(COLOUR_SWAP.wanted == 0)


def test_a_changed_source_is_noticed():
    assert measure(OBJECT_SWAP, pictures(p2p_source=13), None)["source_difference"] == pytest.approx(3)


def test_without_a_judge_there_are_no_judged_figures():
    figures = measure(OBJECT_SWAP, pictures(), None)
    judged = [name for name in FIGURES if not name.startswith("seconds")]
    assert all(figures[name] is None for name in judged)


def test_report_has_every_key_and_its_pictures(full_report, tmp_path):
    report.write(tmp_path, full_report())
    written = json.loads((tmp_path / "report.json").read_text())
    assert {"host", "model", "device", "edits", "mean"} <= set(written)
    assert set(FIGURES) == set(written["mean"])
    for edit in written["edits"]:
        assert {"name", "source", "target", "seeds", "images", *FIGURES} <= set(edit)
        assert all((tmp_path / image).is_file() for image in edit["images"])


def test_every_measure_is_there_for_both_arms():
    measures = ("seconds", "success", "mask_iou", "centroid_px", "background_psnr")
    assert set(FIGURES) == {f"{measure}_{arm}" for measure in measures for arm in ("plain", "p2p")}


def test_report_json_comes_last(full_report, tmp_path, monkeypatch):
    def broken(*arguments):
        raise OSError

    (tmp_path / "report.json").write_text("of an earlier run")
    report.remove_old(tmp_path)
    monkeypatch.setattr(report, "as_html", broken)
    with pytest.raises(OSError):
        report.write(tmp_path, full_report())
    assert not (tmp_path / "report.json").exists()


@pytest.mark.parametrize("referee", [judge, None])
def test_pages_show_every_edit(full_report, tmp_path, referee):
    made = full_report(referee)
    markdown, page, table = report.as_markdown(made), report.as_html(made, tmp_path), report.as_text(made)
    for edit in made["edits"]:
        assert f"]({edit['images'][0]})" in markdown
        assert edit["name"] in page
        assert edit["name"] in table
    assert "data:image/jpeg;base64," in page
    assert ("not judged" in markdown) == (referee is None)
    assert len({len(line) for line in table.splitlines()}) == 1


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
