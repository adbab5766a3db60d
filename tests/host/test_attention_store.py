"""What a store says of a run, which calls of the model it counts, and what it leaves alone."""

import gc
import weakref

import comfy.model_management
import comfy_extras.nodes_pag as pag
import pytest
import torch
from p2p.nodes.attention_maps import LAYOUTS, P2PAttentionMaps
from p2p.p2p_core import word_maps
from p2p.p2p_core.attention_words import picture_labels

import nodes as host_nodes

from .controllers import swap, two_targets, two_terms
from .graph import SOURCE, TARGET, applied, empty_latent, outputs, plain_text, relative, sample, text
from .stores import Case, assert_record, explicit_run, inputs_of, record_of, with_store


class TestLabels:
    def test_rows_roles_and_words(self, tiny):
        model, clip, _ = tiny
        case = Case(two_targets, {"prompt": "both"}, batch=2, negative="a blurry drawing")
        _, patched, inputs = inputs_of(case, model, clip)
        rows = record_of(patched, inputs, case.store, steps=1).rows
        positive = [(row.row, row.role, row.prompt) for row in rows if row.side == "positive"]
        prompts = [SOURCE, TARGET, "a photo of a fluffy cat on grass at night"] * 2
        roles = ["source", "target 1", "target 2"] * 2
        assert positive == list(zip(range(6), roles, prompts, strict=True))
        negative = [(row.row, row.role, row.words) for row in rows if row.side == "negative"]
        assert negative == [(row, "", ("a", "blurry", "drawing")) for row in range(6)]
        assert rows[0].words == ("a#1", "photo", "of", "a#2", "cat", "on", "grass")

    def test_chosen_words_stand_where_they_are(self, tiny):
        """A swapped word is in one prompt only; the order is that of the request."""
        model, clip, _ = tiny
        _, patched, inputs = inputs_of(Case(swap), model, clip)
        rows = record_of(patched, inputs, {"words": "dog, photo, cat"}, steps=1).rows
        assert [(row.role, row.words) for row in rows] == [("source", ("photo", "cat")), ("target 1", ("dog", "photo"))]

    def test_progress_of_kept_steps(self, tiny):
        model, clip, _ = tiny
        _, patched, inputs = inputs_of(Case(swap), model, clip)
        settings = {"keep_steps": True, "start": 0.3}
        progress = record_of(patched, inputs, settings, scheduler="sgm_uniform").progress
        assert progress == pytest.approx((0.5, 0.75), abs=0.01)
        (mean,) = record_of(patched, inputs, {"start": 0.3}, scheduler="sgm_uniform").progress
        assert mean == pytest.approx(sum(progress) / 2)

    def test_prompts_that_were_combined(self, tiny):
        model, clip, _ = tiny
        both = [*text(clip, SOURCE), *text(clip, "green grass")]
        rows = record_of(model, (both, plain_text(clip, ""), empty_latent()), {}, steps=1).rows
        assert [(row.row, row.prompt) for row in rows] == [(0, SOURCE), (0, "green grass")]

    def test_maps_of_all_words_add_up_to_at_most_one(self, tiny):
        model, clip, _ = tiny
        (row,) = record_of(model, (text(clip, SOURCE), plain_text(clip, ""), empty_latent()), {}, steps=1).rows
        total = row.maps.float().sum(1)
        assert total.min() > 0
        assert total.max() < 1


class TestSamplingIsLeftAlone:
    @pytest.mark.parametrize("cfg", [5.0, 1.0])
    def test_bit_equal_without_an_edit(self, tiny, cfg):
        model, clip, _ = tiny
        inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent(96, 128, batch=2))
        watched, _ = with_store(model, keep_steps=True, prompt="positive")
        assert torch.equal(sample(watched, *inputs, cfg=cfg), sample(model, *inputs, cfg=cfg))

    def test_bit_equal_beside_an_edit_of_several_terms(self, tiny):
        """Such an edit is computed after the projections with or without a store."""
        model, clip, _ = tiny
        patched, *inputs = applied(model, clip, two_terms(clip))
        assert torch.equal(sample(with_store(patched)[0], *inputs), sample(patched, *inputs))

    def test_a_rounding_error_beside_an_edit_of_one_term(self, tiny):
        """Without a store such an edit is made before the projections. Sources are bit-equal, targets within 2e-6."""
        model, clip, _ = tiny
        patched, *inputs = applied(model, clip, swap(clip))
        found, expected = sample(with_store(patched)[0], *inputs), sample(patched, *inputs)
        assert torch.equal(found[0], expected[0])
        assert relative(found[1], expected[1]) < 2e-6

    def test_before_and_after_apply(self, tiny):
        model, clip, _ = tiny
        controller = two_terms(clip)
        watched, before = with_store(model)
        first = sample(*applied(watched, clip, controller))
        patched, *inputs = applied(model, clip, controller)
        watched, after = with_store(patched)
        assert torch.equal(sample(watched, *inputs), first)
        assert_same(before.record, after.record)

    def test_two_stores_on_one_model(self, tiny):
        model, clip, _ = tiny
        patched, *inputs = applied(model, clip, two_terms(clip))
        settings = ({"words": "dog", "largest_grid": "coarse"}, {"keep_steps": True, "start": 0.2})
        watched, first = with_store(patched, **settings[0])
        watched, second = with_store(watched, **settings[1])
        sample(watched, *inputs)
        for store, alone in zip((first, second), settings, strict=True):
            assert_same(store.record, record_of(patched, inputs, alone))

    def test_a_store_of_another_branch_is_not_filled(self, tiny):
        model, clip, _ = tiny
        inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent())
        _, other = with_store(model)
        watched, store = with_store(model)
        sample(watched, *inputs, steps=1)
        assert store.record is not None
        assert other.record is None


def assert_same(first, second) -> None:
    assert first.progress == second.progress
    assert len(first.rows) == len(second.rows)
    for a, b in zip(first.rows, second.rows, strict=True):
        assert (a.row, a.prompt, a.side, a.role, a.words) == (b.row, b.prompt, b.side, b.role, b.words)
        assert torch.equal(a.maps, b.maps)


class TestCallsOfTheModel:
    def test_conditions_that_are_run_one_after_the_other(self, tiny, monkeypatch):
        """Little memory: the negative and the positive in calls of their own."""
        model, clip, _ = tiny
        case = Case(two_terms, {"prompt": "both"}, negative="a blurry drawing")
        edits, patched, inputs = inputs_of(case, model, clip)
        maps = explicit_run(model, edits, inputs)
        monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda *args, **named: 0)
        assert_record(case, record_of(patched, inputs, case.store), edits, maps, inputs, model)

    def test_an_extra_guidance_pass_counts_once(self, tiny):
        """PAG calls the model again with the positive; its pass changes the maps after the middle block."""
        model, clip, _ = tiny
        case = Case(two_terms)
        edits, patched, inputs = inputs_of(case, model, clip)
        calls = []
        perturbed = pag.PerturbedAttentionGuidance.execute(patched, 1e-12).args[0]
        perturbed.set_model_unet_function_wrapper(
            lambda apply, call: (
                calls.append(call["cond_or_uncond"]) or apply(call["input"], call["timestep"], **call["c"])
            )
        )
        record = record_of(perturbed, inputs, {})
        assert calls == [[1, 0], [0]] * 4
        assert_record(case, record, edits, explicit_run(model, edits, inputs), inputs, model)

    def test_a_second_run_replaces_the_record(self, tiny):
        model, clip, _ = tiny
        inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent())
        watched, store = with_store(model)
        sample(watched, *inputs, steps=2)
        first = store.record
        maps = [row.maps.clone() for row in first.rows]
        sample(watched, *inputs, steps=2, seed=9)
        assert store.record is not first
        assert all(torch.equal(row.maps, old) for row, old in zip(first.rows, maps, strict=True))
        assert not torch.equal(store.record.rows[0].maps, maps[0])
        sample(watched, *inputs, steps=2)
        assert_same(store.record, first)

    def test_an_area_is_not_recorded(self, tiny):
        """A map of a part of the picture has another grid."""
        model, clip, _ = tiny
        area = host_nodes.ConditioningSetArea().append(text(clip, "a dog"), 64, 64, 0, 0, 1.0)[0]
        both = [*text(clip, SOURCE), *area]
        rows = record_of(model, (both, plain_text(clip, ""), empty_latent()), {}, steps=1).rows
        assert [row.prompt for row in rows] == [SOURCE]

    @pytest.mark.parametrize(
        "area", [(16, 16, 0, 0), ("percentage", 1.0, 1.0, 0.0, 0.0)], ids=["in places", "in parts"]
    )
    def test_an_area_of_the_whole_picture_is_recorded(self, tiny, area):
        model, clip, _ = tiny
        whole = [[cond, {**extras, "area": area}] for cond, extras in text(clip, SOURCE)]
        assert record_of(model, (whole, plain_text(clip, ""), empty_latent()), {}, steps=1).rows

    @pytest.mark.parametrize("sampler", ["dpm_2", "dpmpp_sde", "seeds_3", "sa_solver_pece", "heunpp2", "dpm_adaptive"])
    def test_samplers_of_several_calls_record_each_step_once(self, tiny, sampler):
        model, clip, _ = tiny
        inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent(64, 64))
        record = record_of(model, inputs, {"keep_steps": True, "words": "cat"}, steps=5, sampler=sampler)
        assert record.rows[0].maps.shape[0] == len(record.progress) == len(set(record.progress)) <= 5
        assert list(record.progress) == sorted(record.progress)


class TestWhatIsLeftBehind:
    @pytest.mark.parametrize("failure", [comfy.model_management.InterruptProcessingException, RuntimeError])
    def test_a_run_that_stops_leaves_no_record_and_no_tensor(self, tiny, failure, monkeypatch):
        model, clip, _ = tiny
        patched, *inputs = applied(model, clip, two_terms(clip))
        watched, store = with_store(patched)
        sample(watched, *inputs)
        alive = []
        add = word_maps.MapSums.add

        def failing(self, step, *args):
            alive.append(weakref.ref(self))
            if step == 2:
                raise failure("stopped")
            return add(self, step, *args)

        monkeypatch.setattr(word_maps.MapSums, "add", failing)
        with pytest.raises(failure):
            sample(watched, *inputs)
        monkeypatch.undo()
        gc.collect()
        assert store.record is None
        assert alive
        assert all(reference() is None for reference in alive)

    def test_a_run_leaves_its_record_only(self, tiny):
        model, clip, _ = tiny
        patched, *inputs = applied(model, clip, two_terms(clip))
        watched, store = with_store(patched, keep_steps=True)

        def tensors_after_a_run():
            sample(watched, *inputs, steps=2)
            gc.collect()
            return sum(torch.is_tensor(thing) for thing in gc.get_objects())

        first = [tensors_after_a_run() for _ in range(3)]
        assert tensors_after_a_run() <= max(first)
        held = sum(maps.nelement() * 2 for maps in store.record.tensors())
        assert store.get_ram_usage() == held
        for row in store.record.rows:
            assert row.maps.untyped_storage().nbytes() <= 2 * held  # no view of anything larger


@pytest.mark.parametrize("layout", LAYOUTS)
def test_words_of_the_source_alone_are_shown_over_the_whole_batch(tiny, layout):
    """The target has none of them and is a picture of the batch all the same."""
    model, clip, _ = tiny
    patched, *inputs = applied(model, clip, swap(clip))
    watched, store = with_store(patched, words="cat")
    sample(watched, *inputs, steps=1)
    assert picture_labels(store.recorded()) == ("source", "target 1")
    _, masks = outputs(P2PAttentionMaps, attention=store, image=torch.rand(2, 64, 64, 3), words="cat", layout=layout)
    assert [bool(mask.any()) for mask in masks] == [True, False]
