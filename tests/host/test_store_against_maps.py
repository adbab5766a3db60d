"""What a store records, against the maps of the same run with explicit attention."""

import math

import pytest
import torch
from p2p.p2p_core import word_maps
from torch.utils._python_dispatch import TorchDispatchMode

from .controllers import refined, swap, two_targets, two_terms
from .graph import relative, sample
from .oracle import with_explicit_maps
from .stores import (
    LONG,
    Case,
    assert_record,
    expected_map,
    explicit_run,
    fader,
    inputs_of,
    moved,
    other_chunk_counts,
    record_of,
    teddy,
    two_chunks,
    with_store,
)
from .tiny_models import sd15

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
