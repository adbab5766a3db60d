"""What a store records, against the maps of the same run with explicit attention, and what it leaves alone."""

import gc
import math
import weakref
from dataclasses import dataclass, field

import comfy.model_management
import comfy_extras.nodes_pag as pag
import pytest
import torch
from p2p.nodes.attention_maps import LAYOUTS, P2PAttentionMaps
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.combine import P2PCombine
from p2p.nodes.move import P2PMoveController
from p2p.nodes.refine import P2PRefineController
from p2p.nodes.reweight import P2PReweightController
from p2p.p2p_core import word_maps
from p2p.p2p_core.attention_words import picture_labels
from p2p.p2p_core.errors import P2PError
from torch.utils._python_dispatch import TorchDispatchMode

import nodes as host_nodes

from .graph import (
    SOURCE,
    TARGET,
    applied,
    empty_latent,
    outputs,
    plain_text,
    relative,
    replace_controller,
    sample,
    text,
)
from .oracle import NEGATIVE, POSITIVE, ExplicitMaps, with_explicit_maps
from .tiny_models import sd15

LONG = " and ".join(["a wide green field under a blue sky with a lot of white clouds"] * 6)
WINDOWS = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": ""}


def with_store(model, words="", prompt="positive", largest_grid="medium", start=0.0, end=1.0, keep_steps=False):
    """(model, store)."""
    return outputs(
        P2PAttentionStore, model=model, words=words, prompt=prompt, largest_grid=largest_grid, start=start, end=end,
        keep_steps=keep_steps,
    )  # fmt: skip


def record_of(model, inputs, settings, **sampling):
    patched, store = with_store(model, **settings)
    sample(patched, *inputs, **sampling)
    return store.record


def swap(clip, **settings):
    return replace_controller(clip, **settings)


def two_terms(clip):
    return replace_controller(clip, word_windows="dog: 0.2-0.5")


def refined(clip):
    target = text(clip, "a photo of a fluffy cat on grass at night")
    return outputs(P2PRefineController, source=text(clip, SOURCE), target=target, **WINDOWS)[0]


def fader(clip):
    scales = "cat: -1.5\ngrass: 2 @ 0.3-1"
    return outputs(P2PReweightController, scales=scales, conditioning=text(clip, SOURCE))[0]


def moved(clip):
    settings = {"offset_x": 0.25, "offset_y": -0.1, "scale": 1.3, "start": 0.0, "end": 0.6}
    return outputs(P2PMoveController, word="cat", conditioning=text(clip, SOURCE), **settings)[0]


def two_targets(clip):
    return outputs(P2PCombine, first=swap(clip), second=refined(clip))[0]


def two_chunks(clip):
    return replace_controller(clip, f"a cat and {LONG}", f"a dog and {LONG}")


def other_chunk_counts(clip):
    return replace_controller(clip, "a cat", f"a dog and {LONG}", word_windows="dog: 0-0.3")


def teddy(clip):
    return replace_controller(clip, "a dog and a dog", "a teddybear and a dog")


@dataclass(frozen=True)
class Case:
    """A run that is watched."""

    edit: object = None
    store: dict = field(default_factory=dict)
    batch: int = 1
    width: int = 96
    negative: str | None = None
    sampling: dict = field(default_factory=dict)


CASES = {
    "no edit": Case(),
    "no edit, two pictures": Case(batch=2),
    "one term": Case(swap),
    "two terms": Case(two_terms),
    "refine": Case(refined),
    "negative scale": Case(fader),
    "move": Case(moved),
    "negative prompt": Case(None, {"prompt": "negative"}, negative="a blurry drawing"),
    "negative prompt of an edit": Case(swap, {"prompt": "negative"}, negative="a blurry drawing"),
    "both prompts": Case(two_terms, {"prompt": "both"}, negative="a blurry drawing"),
    "negative of two chunks": Case(None, {"prompt": "both"}, negative=LONG),
    "two chunks": Case(two_chunks),
    "two chunks without an edit": Case(LONG),
    "other chunk counts": Case(other_chunk_counts),
    "chosen words": Case(swap, {"words": "dog, photo, cat"}),
    "repeated word and a word of several tokens": Case(teddy),
    "occurrences and phrases": Case(teddy, {"words": "dog#2, and a, dog, teddybear"}),
    "every step": Case(two_terms, {"keep_steps": True}),
    "window": Case(two_terms, {"start": 0.3, "end": 0.8}),
    "every step of a window": Case(moved, {"start": 0.2, "end": 0.6, "keep_steps": True}),
    "coarse grids": Case(two_terms, {"largest_grid": "coarse"}),
    "all grids": Case(two_terms, {"largest_grid": "all"}),
    "square": Case(moved, width=128),
    "two groups of two targets": Case(two_targets, {"prompt": "both"}, batch=2, negative="a blurry drawing"),
    "two calls per step": Case(two_terms, sampling={"sampler": "heun"}),
    "two calls per step, kept apart": Case(two_terms, {"keep_steps": True}, sampling={"sampler": "heun"}),
    "without guidance": Case(two_terms, sampling={"cfg": 1.0}),
}


def inputs_of(case: Case, model, clip):
    """(edits, P2P's model, what the sampler gets besides)."""
    latent = empty_latent(width=case.width, height=128, batch=case.batch)
    negative = plain_text(clip, "") if case.negative is None else text(clip, case.negative)
    if case.edit is None or isinstance(case.edit, str):
        return (), model, (text(clip, case.edit or SOURCE), negative, latent)
    controller = case.edit(clip)
    patched, positive, _, latent = applied(model, clip, controller, latent)
    return controller.entries[0].controller.edits, patched, (positive, negative, latent)


def explicit_run(model, edits, inputs, **sampling) -> ExplicitMaps:
    maps = ExplicitMaps()
    sample(with_explicit_maps(model, edits, see=maps.add), *inputs, **sampling)
    return maps


def expected_map(case: Case, edits, row_maps, label, maps: ExplicitMaps, inputs, sigmas) -> torch.Tensor:
    prompts = [edits[0].source, *(edit.target for edit in edits)] if edits else [inputs[0][0][1]["p2p_prompt"]]
    is_edit = bool(edits) and row_maps.side == "positive"
    if row_maps.side == "negative":
        prompts = [inputs[1][0][1]["p2p_prompt"]]
    prompt = prompts[row_maps.row % len(prompts)]
    latent = (16, case.width // 8)
    divisor = {"coarse": 4, "medium": 2, "all": 1}[case.store.get("largest_grid", "medium")]
    return maps.mean(
        prompt.find(label),
        row_maps.row,
        tuple(math.ceil(side / divisor) for side in latent),
        prompt.token_count,
        POSITIVE if row_maps.side == "positive" else NEGATIVE,
        sigmas,
        len(prompts) if is_edit else None,
    )


def assert_record(case: Case, record, edits, maps, inputs, model) -> None:
    """Every recorded map is the explicit one, up to the rounding of float16."""
    sampling = model.get_model_object("model_sampling")
    start, end = case.store.get("start", 0.0), case.store.get("end", 1.0)
    high, low = (float(sampling.percent_to_sigma(bound)) for bound in (start, end))
    recorded = [sigma for sigma in maps.sigmas if (end == 1 or sigma > low) and (start == 0 or sigma <= high)]
    steps = [[sigma] for sigma in recorded] if case.store.get("keep_steps") else [recorded]
    assert record.rows
    for row in record.rows:
        assert row.maps.dtype == torch.float16
        assert row.maps.device.type == "cpu"
        assert row.maps.shape[:2] == (len(steps), len(row.words))
        for number, sigmas in enumerate(steps):
            for word, label in enumerate(row.words):
                expected = expected_map(case, edits, row, label, maps, inputs, sigmas)
                found = row.maps[number, word].float()
                assert found.shape == expected.shape
                # float16 rounds by 4.9e-4; measured beyond that: 4e-7.
                assert ((found - expected).abs() <= 5e-4 * expected.abs() + 1e-6).all(), (row.role, label)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_record_equals_explicit_maps(tiny, case):
    model, clip, _ = tiny
    edits, patched, inputs = inputs_of(case, model, clip)
    record = record_of(patched, inputs, case.store, **case.sampling)
    maps = explicit_run(model, edits, inputs, **case.sampling)
    assert_record(case, record, edits, maps, inputs, model)


def test_a_model_with_attention_on_four_grids():
    """SD 1.5 attends on the latent's own grid too: here ``all`` is finer than ``medium``."""
    model, clip, _ = sd15()
    shapes = set()
    for grids in ("coarse", "medium", "all"):
        case = Case(two_terms, {"largest_grid": grids})
        edits, patched, inputs = inputs_of(case, model, clip)
        record = record_of(patched, inputs, case.store, steps=2)
        maps = explicit_run(model, edits, inputs, steps=2)
        assert_record(case, record, edits, maps, inputs, model)
        shapes.add(tuple(record.rows[0].maps.shape[-2:]))
    assert shapes == {(4, 3), (8, 6), (16, 12)}


def test_in_full_precision_the_difference_is_a_rounding_error(tiny, monkeypatch):
    """Before the record is rounded to float16."""
    model, clip, _ = tiny
    means = []
    mean = word_maps.MapSums.mean
    monkeypatch.setattr(word_maps.MapSums, "mean", lambda self: means.append(mean(self)) or means[-1])
    case = Case(two_terms)
    edits, patched, inputs = inputs_of(case, model, clip)
    record = record_of(patched, inputs, {})
    maps = explicit_run(model, edits, inputs)
    assert means[-1].dtype == torch.float32
    for row in record.rows:
        for word, label in enumerate(row.words):
            expected = expected_map(case, edits, row, label, maps, inputs, None)
            assert (means[-1][0, row.row, word] - expected).abs().max() < 1e-6  # measured: 4e-7 at most


def test_the_explicit_maps_of_an_edit_are_others(tiny):
    """Else the comparisons would not notice a store that records the maps before the edit."""
    model, clip, _ = tiny
    case = Case(two_terms)
    edits, patched, inputs = inputs_of(case, model, clip)
    record = record_of(patched, inputs, {})
    plain = explicit_run(model, (), inputs)
    target = next(row for row in record.rows if row.role == "target 1")
    positions = edits[0].target.find("dog")
    unedited = plain.mean(positions, 1, (8, 6), edits[0].target.token_count)
    dog = target.maps[0, target.words.index("dog")].float()
    assert relative(dog, unedited) > 20 * 5e-4


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


class TestRefusedBeforeTheFirstStep:
    @pytest.fixture
    def counted(self, tiny):
        """The model, and its calls."""
        calls = []
        model = tiny[0].clone()
        model.set_model_unet_function_wrapper(
            lambda apply, call: calls.append(1) or apply(call["input"], call["timestep"], **call["c"])
        )
        return model, calls

    def refused(self, counted, inputs, message, **settings):
        model, calls = counted
        watched, store = with_store(model, **settings)
        with pytest.raises(P2PError, match=message):
            sample(watched, *inputs)
        assert calls == []
        assert store.record is None

    def test_no_words_in_the_conditioning(self, tiny, counted):
        clip = tiny[1]
        inputs = (plain_text(clip, SOURCE), plain_text(clip, ""), empty_latent())
        self.refused(counted, inputs, "finds no words in the positive conditioning.*P2P Text Encode")

    def test_no_words_in_the_negative(self, tiny, counted):
        clip = tiny[1]
        inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent())
        self.refused(counted, inputs, "finds no words in the negative conditioning", prompt="negative")

    def test_a_word_that_is_nowhere(self, tiny, counted):
        clip = tiny[1]
        inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent())
        self.refused(counted, inputs, '"horse" is not in the prompt', words="cat, horse")

    def test_an_occurrence_that_is_not_there(self, tiny, counted):
        clip = tiny[1]
        inputs = (text(clip, SOURCE), plain_text(clip, ""), empty_latent())
        self.refused(counted, inputs, "asks for occurrence 3", words="a#3")

    def test_a_window_without_a_step_is_said_when_the_record_is_asked_for(self, tiny):
        model, clip, _ = tiny
        watched, store = with_store(model, start=0.9, end=0.95)
        sample(watched, text(clip, SOURCE), plain_text(clip, ""), empty_latent(), steps=2)
        with pytest.raises(P2PError, match="no step of the run lies in its window"):
            store.recorded()

    @pytest.mark.parametrize(
        ("area", "words"),
        [((8, 16, 0, 0), ""), ((16, 8, 0, 8), "dog"), (("percentage", 1.0, 0.5, 0.0, 0.0), "dog")],
        ids=["every word", "of a word that is elsewhere", "in parts"],
    )
    def test_an_area(self, tiny, counted, area, words):
        clip = tiny[1]
        part = [[cond, {**extras, "area": area}] for cond, extras in text(clip, "a dog")]
        others = text(clip, "a cat") if words else []
        inputs = ([*others, *part], plain_text(clip, ""), empty_latent())
        self.refused(counted, inputs, "the prompt with its words has an area: take the area off", words=words)

    @pytest.mark.parametrize("keep_steps", [True, False])
    def test_a_prompt_that_is_never_computed_for_the_whole_picture(self, tiny, keep_steps):
        """The host finds the bounds of a mask when it samples, and skips the negative prompt at cfg 1."""
        model, clip, _ = tiny
        mask = torch.zeros(1, 16, 16)
        mask[:, :8] = 1
        bounded = host_nodes.ConditioningSetMask().append(text(clip, SOURCE), mask, "mask bounds", 1.0)[0]
        late = host_nodes.ConditioningSetTimestepRange().set_range(text(clip, SOURCE), 0.9, 1.0)[0]
        for positive, negative, settings, cfg in (
            (bounded, plain_text(clip, ""), {}, 5.0),
            ([*late, *plain_text(clip, "a dog")], plain_text(clip, ""), {"end": 0.4}, 5.0),
            (plain_text(clip, "a dog"), text(clip, SOURCE), {"prompt": "negative"}, 1.0),
        ):
            watched, store = with_store(model, keep_steps=keep_steps, **settings)
            sample(watched, positive, negative, empty_latent(), steps=2, cfg=cfg)
            with pytest.raises(P2PError, match="in its window no prompt with its words was computed for the whole"):
                store.recorded()


class _Maps(TorchDispatchMode):
    """The tensors of queries × tokens that operators make; in inference mode the attention kernel is one operator."""

    def __init__(self, queries: set[int], tokens: int):
        super().__init__()
        self.queries, self.tokens = queries, tokens
        self.made = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple) else (result,):
            if torch.is_tensor(tensor) and self.tokens in tensor.shape and self.queries & set(tensor.shape):
                self.made.append((str(function), tuple(tensor.shape)))
        return result


@pytest.mark.parametrize("edit", [None, two_terms, moved])
def test_no_map_of_all_tokens_is_made_outside_the_kernel(tiny, edit):
    """Pixels × tokens × heads numbers are there in none of the steps that are recorded."""
    model, clip, _ = tiny
    edits, patched, inputs = inputs_of(Case(edit, width=104), model, clip)
    watched, store = with_store(patched, largest_grid="all")
    with _Maps(queries={8 * 7}, tokens=77) as maps:
        sample(watched, *inputs, steps=1)
    assert store.record.rows
    assert maps.made == []
    with _Maps(queries={8 * 7}, tokens=77) as maps:  # what explicit maps would have shown
        sample(with_explicit_maps(model, edits), *inputs, steps=1)
    assert any(math.prod(shape) >= 4 * 8 * 7 * 77 for _, shape in maps.made)


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
