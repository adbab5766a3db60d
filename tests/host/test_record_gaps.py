"""What an edit takes and its record does not have is said before sampling, and shown on the node."""

import sys
from types import SimpleNamespace

import comfy_extras.nodes_hypertile as hypertile
import comfy_extras.nodes_model_downscale as downscaling
import pytest
import torch
from p2p.nodes._host.conditioning import GROUP_KEY
from p2p.nodes.adjust_move import P2PAdjustMove
from p2p.nodes.adjust_scale import P2PAdjustScale
from p2p.nodes.apply import P2PApply
from p2p.nodes.record import P2PRecord
from p2p.nodes.refine import P2PRefineController

from .graph import SOURCE, empty_latent, outputs, plain_text, sample, text
from .kinds import blended, combined, following, refined, reweighted
from .test_live import Browser, as_node
from .test_record import EXACT
from .test_record_refusals import refuse
from .test_record_runs import RUNS, Graph, by, in_area, in_mask, in_range
from .tiny_models import sdxl_shaped

STEPS = 5


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("small")


@pytest.fixture(scope="module")
def smallest():
    with torch.inference_mode():
        return sdxl_shaped("smallest")


@pytest.fixture
def browser(monkeypatch) -> Browser:
    made = Browser()
    monkeypatch.setitem(sys.modules, "server", SimpleNamespace(PromptServer=SimpleNamespace(instance=made)))
    return made


def by_euler(model, positive, negative, latent):
    return sample(model, positive, negative, latent, steps=STEPS)


def recorded(small, **settings):
    model, clip, _ = small
    patched, record = outputs(P2PRecord, model=model, **{**EXACT, **settings})
    return record, by_euler(patched, text(clip, SOURCE), plain_text(clip, ""), empty_latent(64, 64))


def told(small, browser, controller, record, source) -> dict:
    """What the node is told when a run from the record begins."""
    inputs = {"model": small[0], "controller": controller, "negative": plain_text(small[1], ""), "record": record}
    by_euler(*outputs(as_node(P2PApply, "7"), **inputs, latent={"samples": source}))
    return browser.of("run")[-1]


def shrunk(model):
    """Fewer places in the first steps."""
    inputs = ("block_number", 3), ("downscale_factor", 2.0), ("start_percent", 0.0), ("end_percent", 0.35)
    further = ("downscale_after_skip", True), ("downscale_method", "bicubic"), ("upscale_method", "bicubic")
    return outputs(downscaling.PatchModelAddDownscale, model=model, **dict([*inputs, *further]))[0]


def tiled(model):
    return hypertile.HyperTile.execute(model, 32, 2, 2, False)[0]


EDITS = {
    "everything": ({"self_grids": "all"}, following, ""),
    "as much as it takes": ({"end": 0.8}, following, ""),
    "no edit at all": ({"start": 0.9, "self_grids": "none"}, lambda clip: reweighted("", clip), ""),
    "fewer steps": (
        {"end": 0.5}, following,
        "It has cross-attention in 2 of 4 steps only (cross_start 0, cross_end 0.8 of the edit; start, end and budget "
        "of P2P Record). Record more",
    ),
    "fewer steps of a prompt alone": (
        {"end": 0.5}, lambda clip: reweighted("cat: 2", clip),
        "cross-attention in 2 of 4 steps only (which the edit takes from 0 to 0.8; start, end",
    ),
    "fewer steps of a word's window": (
        {"end": 0.5}, lambda clip: following(clip, word_windows="dog: 0-0.7"),
        "cross-attention in 2 of 4 steps only (cross_start 0, cross_end 0.8, word_windows of the edit",
    ),
    "coarse grids": (
        {"cross_grids": "coarse"}, following,
        "cross-attention at up to 2×2 of 4×4 places only (cross_start 0, cross_end 0.8 of the edit; cross_grids and "
        "budget of P2P Record)",
    ),
    "no self-attention": (
        {"self_grids": "none"}, following,
        "no self-attention (self_start 0, self_end 0.4, self_grids coarse of the edit; self_grids and budget of P2P "
        "Record)",
    ),
    "coarse self-attention": (
        {}, lambda clip: following(clip, self_grids="all"),
        "self-attention at up to 2×2 of 4×4 places only (self_start 0, self_end 0.4, self_grids all of the edit",
    ),
    "two gaps": (
        {"end": 0.3, "self_grids": "none"}, following,
        "cross-attention in 2 of 4 steps only (cross_start 0, cross_end 0.8 of the edit; start, end and budget of P2P "
        "Record) and no self-attention",
    ),
    "late steps": (
        {"start": 0.5}, following, "self-attention in none of 2 steps (self_start 0, self_end 0.4",
    ),
    "key words": (
        {"keep": "key words", "words": "cat"}, following,
        'It has no attention for "a, photo, of, on, grass" to take (words and keep of P2P Record) and no '
        "self-attention (self_start 0, self_end 0.4, self_grids coarse of the edit; keep of P2P Record is key words).",
    ),
    "key words that are all": (
        {"keep": "key words", "words": "cat"},
        lambda clip: following(clip, window=(0.0, 0.0), word_windows="dog: 0-0.8", self_attention="off"), "",
    ),
    "a local blend": (
        {"start": 0.5}, lambda clip: blended(following(clip, window=(0.6, 0.8))),
        "It has maps from 0.5 on only for the local blend (start 0.2 of P2P Local Blend; start of P2P Record)",
    ),
    "one of two targets": (
        {"end": 0.5}, lambda clip: combined(following(clip, window=(0.0, 0.3)), refined(clip)),
        'less than the edit "a photo of a fluffy cat on grass at night" takes',
    ),
    "a scale that needs none": (
        {"start": 0.9}, lambda clip: reweighted("cat: 2", clip), "cross-attention in none of 4 steps",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_what_is_missing_is_said(small, browser, caplog, name):
    settings, edit, expected = EDITS[name]
    record, source = recorded(small, **settings)
    note = told(small, browser, edit(small[1]), record, source)["note"]
    warnings = [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"]
    if not expected:
        assert (note, warnings) == ("", [])
        return
    assert expected in note
    assert warnings == [f"Prompt-to-Prompt: {note}"]


def test_an_edit_in_a_batch_has_no_note(small, browser):
    model, clip, _ = small
    inputs = {"model": model, "controller": following(clip), "negative": plain_text(clip, "")}
    by_euler(*outputs(as_node(P2PApply, "7"), **inputs, latent=empty_latent(64, 64)))
    assert [data["note"] for data in browser.of("run")] == [""]


class TestNoFalseAlarm:
    """Where the record has all that an edit takes, however the steps are made."""

    def silent(self, setup, browser, graph: Graph, **settings):
        record, source = graph.record(setup, **settings)
        inputs = {"controller": graph.controller(setup[1]), "negative": plain_text(setup[1], ""), "record": record}
        made = outputs(as_node(P2PApply, "7"), model=graph.on_model(setup[0]), latent={"samples": source}, **inputs)
        graph.run(made[0], graph.on_positive(made[1]), *made[2:])
        (begin,) = browser.of("run")
        assert begin["note"] == ""
        (swap,) = (row for row in begin["targets"][0]["rows"] if row["kind"] == "swap")
        assert swap["active"]

    @pytest.mark.parametrize(
        "sampler", ["heun", "uni_pc", "dpm_2_ancestral", "dpmpp_sde", "dpm_fast", "sa_solver_pece", "seeds_2"]
    )
    def test_samplers(self, smallest, browser, sampler):
        self.silent(smallest, browser, Graph(run=by(sampler, steps=5)), end=0.8)

    @pytest.mark.parametrize("name", RUNS)
    def test_runs(self, smallest, browser, name):
        self.silent(smallest, browser, RUNS[name], end=0.8)

    @pytest.mark.parametrize("place", [in_area, in_mask, in_range])
    def test_prompts_for_a_part(self, small, browser, place):
        self.silent(small, browser, Graph(on_source=place, run=by_euler), self_grids="coarse")

    @pytest.mark.parametrize("patch", [shrunk, tiled])
    def test_nodes_that_change_the_layers(self, small, browser, patch):
        graph = Graph(on_model=patch, latent=lambda: empty_latent(128, 128), run=by_euler)
        self.silent(small, browser, graph, self_grids="coarse")


NOTHING = {
    "steps": ({"start": 0.9}, following),
    "key words that it swaps late": (
        {"keep": "key words", "words": "cat", "end": 0.3},
        lambda clip: following(clip, window=(0.5, 0.8)),
    ),
    "self-attention": (
        {"self_grids": "none"},
        lambda clip: following(clip, cross_start=0.0, cross_end=0.0),
    ),
    "one of two targets": (
        {"end": 0.3},
        lambda clip: combined(following(clip), refined(clip, window=(0.5, 0.8))),
    ),
}


@pytest.mark.parametrize("name", NOTHING)
def test_an_edit_of_which_nothing_is_left_is_refused(small, name):
    settings, edit = NOTHING[name]
    graph = Graph(run=by_euler)
    made = recorded(small, **settings)

    def replay(setup, _, record, source):
        return graph.replay(setup, edit(setup[1]), record, source)

    refuse(small, made, graph, "so that nothing would be edited. It has", replay)


def moved_cat(record):
    return outputs(P2PAdjustMove, record=record, word="cat", offset_x=0.25, offset_y=0.0, scale=1.0)[0]


def louder_cat(record):
    return outputs(P2PAdjustScale, record=record, scales="cat: 2")[0]


class TestAdjustedRecords:
    def test_the_timeline_shows_them_as_long_as_the_record_has_something(self, small, browser):
        record, source = recorded(small, end=0.5)
        (target,) = told(small, browser, reweighted("", small[1]), moved_cat(record), source)["targets"]
        shown = {row["kind"]: (row["words"], row["active"]) for row in target["rows"]}
        assert shown["adjust"] == ("cat", [[0, 2]])
        assert shown["keep"] == ("a photo of a cat on grass", [[0, 2]])

    def test_one_that_changes_nothing_is_not_shown(self, small, browser):
        record, source = recorded(small)
        still = outputs(P2PAdjustScale, record=record, scales="cat: 1")[0]
        (target,) = told(small, browser, reweighted("", small[1]), still, source)["targets"]
        assert target["rows"] == []

    def test_one_that_no_target_takes_is_said(self, small, browser):
        record, source = recorded(small)
        changed = louder_cat(moved_cat(record))
        edits = following(small[1], P2PRefineController), following(small[1])
        unused, used = (told(small, browser, edit, changed, source)["note"] for edit in edits)
        assert 'What was adjusted of "cat" changes nothing: no word of the edit takes its attention.' in unused
        assert used == ""

    def test_of_key_words(self, small, browser):
        record, source = recorded(small, keep="key words", words="cat")
        begin = told(small, browser, reweighted("", small[1]), moved_cat(record), source)
        shown = {row["kind"]: row["active"] for row in begin["targets"][0]["rows"]}
        assert shown == {"adjust": [[0, 4]], "keep": [[0, 4]]}


def test_the_controller_as_the_user_made_it_is_known(small):
    """Of key words, a part of it is sampled."""
    clip, (record, source) = small[1], recorded(small, keep="key words", words="cat")
    inputs = {"model": small[0], "negative": plain_text(clip, ""), "latent": {"samples": source}, "record": record}
    controller = following(clip)
    group = outputs(P2PApply, controller=controller, **inputs)[1][0][1][GROUP_KEY]
    assert group.asked == controller.entries[0].controller
    assert group.controller.edits[0].self_window is None
