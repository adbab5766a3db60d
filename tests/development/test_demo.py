"""The whole demo on a stand-in for the server: what is run, saved and reported, with and without a judge."""

import importlib.util
import json

import pytest
from p2p.development import demo, demo_guidance, edits, goals, paths, report, trials
from p2p.development.demo import labels, plan
from p2p.development.errors import UserError
from p2p.development.sections import SECTIONS

TRIALS = trials.by_source(
    [
        trials.swap(edits.EDITS[0]),
        trials.swap(edits.EDITS[8]),
        trials.addition(edits.ADDITIONS[0]),
        *(trials.fading(edits.FADED[0], scale) for scale in edits.SCALES),
        *(trials.moving(edits.MOVED[0], shift) for shift in edits.SHIFTS),
        *trials.together(edits.PAIRS[0]),
    ]
)


@pytest.fixture
def run(stand_in, judge, tmp_path, monkeypatch):
    """Run the demo; return its exit code and its report."""
    monkeypatch.setattr(demo, "Client", lambda url: stand_in)
    monkeypatch.setattr(demo, "load_judge", lambda: judge)
    monkeypatch.setattr(demo, "all_trials", lambda full: TRIALS)
    monkeypatch.setattr(edits, "SEEN", edits.SEEN[:1])
    few = demo_guidance.Guided(demo_guidance.PAIRS[:1], demo_guidance.PLACES[:1])
    monkeypatch.setattr(demo_guidance, "ALL", few)

    def call(*more):
        code = demo.main(["--url", "", "--output", str(tmp_path), "--seeds", "2", "--steps", "4", *more])
        return code, json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))

    return call


def test_every_kind_has_its_section_and_its_pictures(run, tmp_path, capsys):
    code, made = run()
    assert code == 0
    assert set(made["sections"]) == set(SECTIONS)
    assert {"host", "model", "device", "edits", "mean"} <= set(made)
    for entry in [*made["edits"], *made["maps"]]:
        assert all((tmp_path / image).is_file() for image in entry["images"])
    assert "maps_red_car/02_attention.png" in made["maps"][0]["images"]
    for entry in made["edits"]:
        assert entry["strip"] is None or (tmp_path / entry["strip"]).is_file()
        assert entry["seeds"] == 2
        for arm in ("plain", "switching", "p2p"):
            assert {f"{name}_{arm}" for name in ("seconds", "success", "mask_iou", "centroid_px")} <= set(entry)
    assert {goal["goal"].split(":")[0] for goal in made["goals"]} == {
        "local blend", "reweight", "move", "maps", "two targets", "edits from a record", "guidance",
    }  # fmt: skip
    printed = capsys.readouterr().out
    assert all(section.title in printed for section in SECTIONS.values())
    for title in ("Maps: where a noun looks", "One picture, eight edits", "Record, move, run again"):
        assert title in printed
    assert [len(entry["edits"]) for entry in (made["record"], *made["adjusted"])] == [8, 3, 3]
    for entry in (made["record"], *made["adjusted"]):
        assert all((tmp_path / image).is_file() for image in entry["images"])
    assert "NOT REACHED" in printed


def test_the_report_shows_every_sheet(run, tmp_path):
    _, made = run()
    markdown, page = ((tmp_path / f"report.{kind}").read_text(encoding="utf-8") for kind in ("md", "html"))
    guided = [entry for kind in made["guidance"].values() for entry in kind]
    unstripped = [{"strip": None, **entry} for entry in [*made["maps"], *guided, *made["adjusted"]]]
    shown = {entry["strip"] or entry["images"][0] for entry in [*made["edits"], *unstripped]}
    shown |= {*made["record"]["images"]}
    assert len(shown) == 2 + 1 + 1 + 1 + 2 + 1 + 2 + 2 + 2
    assert all(f"]({sheet})" in markdown for sheet in shown)
    assert page.count("data:image/jpeg;base64,") == len(shown)
    assert all(entry["name"] in page for entry in made["edits"])


def test_the_runs_of_a_source_are_shared(run, stand_in):
    run()
    sent = [json.dumps(graph, sort_keys=True) for graph in stand_in.sent]
    graphs = sent[: next(place for place, graph in enumerate(sent) if "P2PRecord" in graph)]  # pairs are timed again
    sources = [graph for graph in graphs if '"a photo of a red car on grass"' in graph and '"steps": 4' in graph]
    assert len(sources) == len(set(sources)) + 1  # the maps come last, and draw their source again


def test_only_the_runs_of_one_source_are_kept(run, monkeypatch):
    held = []
    forget = demo.Studio.forget

    def looking(studio):
        held.append(len(studio._results))
        forget(studio)

    monkeypatch.setattr(demo.Studio, "forget", looking)
    run("--only", "replace")
    assert held == [5, 4]  # the arms of two swaps and their sources; the second has no blend


def test_without_a_judge_all_is_run_and_nothing_judged(run, tmp_path):
    code, made = run("--checkpoint", "sdxl.safetensors")
    assert code == 0
    assert made["model"] == "sdxl.safetensors"
    assert made["goals"] == []
    judged = ("success", "mask_iou", "centroid_px", "background_psnr", "colour", "moved")
    for entry in [*made["edits"], made["mean"], *(section["mean"] for section in made["sections"].values())]:
        assert all(entry[name] is None for name in entry if name.startswith(judged))
    assert made["maps"][0]["raw"] is None
    assert "not judged" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert [picture["seeds"] for picture in made["edits"]] == [2] * len(TRIALS)


def test_one_kind_alone(run):
    _, made = run("--only", "refine")
    assert list(made["sections"]) == ["refine"]
    assert made["maps"] == []
    assert made["curve"] == {}


def test_maps_alone(run):
    _, made = run("--only", "maps")
    assert made["sections"] == {}
    assert len(made["maps"]) == 1


def test_a_changed_source_fails(run, stand_in):
    stand_in.edited_source = 3
    with pytest.raises(UserError, match="changed a source picture by 3/255"):
        run()


def test_the_report_comes_last(run, tmp_path, monkeypatch):
    def broken(*arguments):
        raise OSError

    (tmp_path / "report.json").write_text("of an earlier run")
    monkeypatch.setattr(report, "as_html", broken)
    with pytest.raises(OSError):
        run()
    assert not (tmp_path / "report.json").exists()


@pytest.mark.parametrize(
    ("count", "rows_per_run", "rows"), [(8, 8, [8]), (20, 8, [8, 8, 4]), (3, 1, [1, 1, 1]), (1, 8, [1])]
)
def test_plan_gives_every_seed_once(count, rows_per_run, rows):
    batches = plan(count, rows_per_run)
    assert [batch.rows for batch in batches] == rows
    assert [batch.seed for batch in batches] == list(range(1, len(rows) + 1))
    assert len(set(labels(batches))) == count


def test_the_entry_point_offers_the_kinds_there_are():
    spec = importlib.util.spec_from_file_location("p2p_dev", paths.ROOT / "dev.py")
    dev = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(dev)
    assert dev.DEMO_KINDS == demo.KINDS
    assert set(demo.KINDS) == {*SECTIONS, "maps", "record", "adjust", "guidance"}
    options = dev.parse(["demo", "--only", "move", "maps", "--full"])
    assert (options.only, options.full) == (["move", "maps"], True)


def test_goals_are_those_of_the_issue():
    assert (goals.BACKGROUND, goals.BLEND_SUCCESS, goals.MOVED, goals.MAPS) == (35, 0.85, 0.5, 3)
