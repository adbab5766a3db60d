"""Every edit of the published controllers, reproduced step by step: by the oracle, and by fused attention."""

import pytest
from core_cases import attend_with, fold, largest_difference
from core_golden import EDITS, edit_case, paper_windows, prompts_of_edit
from p2p.p2p_core import attention, naive
from p2p.p2p_core.edit import refine, replace, reweight
from p2p.p2p_core.operators import plan
from p2p.p2p_core.row_edits import row_edits, self_reads

TOLERANCE = 1e-5
GRID = (8, 8)


def edits_of_case(case):
    source, *targets = prompts_of_edit(case)
    made = []
    for target in targets:
        cross, self_window, word_windows = paper_windows(case, target)
        make = refine if case["kind"].startswith("refine") else replace
        edit = make(source, target, cross, self_window, word_windows)
        for word, value in zip(case.get("words", []), case.get("values", []), strict=True):
            edit = reweight(edit, word, value, cross)
        made.append(edit)
    return tuple(made)


def steps_of(case):
    return [step / case["steps"] for step in range(case["steps"])]


@pytest.fixture(params=EDITS)
def golden(request):
    case, tensors = edit_case(request.param)
    return case, tensors, edits_of_case(case)


def test_oracle_gives_the_published_cross_attention(golden):
    case, tensors, edits = golden
    for step, progress in enumerate(steps_of(case)):
        found = naive.cross_attention(*(tensors[f"{name}.{step}"] for name in "qkv"), edits, progress, GRID)
        assert largest_difference(found, tensors[f"cross_out.{step}"]) < TOLERANCE


def test_oracle_gives_the_published_self_attention(golden):
    case, tensors, edits = golden
    for step, progress in enumerate(steps_of(case)):
        found = naive.self_attention(*(tensors[f"{name}s.{step}"] for name in "qkv"), edits, progress)
        assert largest_difference(found, tensors[f"self_out.{step}"]) < TOLERANCE


def test_fused_attention_gives_the_published_cross_attention(golden):
    case, tensors, edits = golden
    plans = [plan(edit, steps_of(case)) for edit in edits]
    for step in range(case["steps"]):
        operators = [steps[step] for steps in plans]
        q, k, v = (fold(tensors[f"{name}.{step}"]) for name in "qkv")
        edited = row_edits([operators], *v.shape[:2], v.device, v.dtype)
        attend, values = attend_with(case["heads"]), edited.values(v)
        found = attention.edited_cross_attention(attend, q, k, values, edited, GRID, case["heads"])
        assert largest_difference(found, fold(tensors[f"cross_out.{step}"])) < TOLERANCE


def test_fused_attention_gives_the_published_self_attention(golden):
    case, tensors, edits = golden
    plans = [plan(edit, steps_of(case)) for edit in edits]
    for step in range(case["steps"]):
        operators = [steps[step] for steps in plans]
        q, k, v = (fold(tensors[f"{name}s.{step}"]) for name in "qkv")
        reads = self_reads([operators], len(q), ["coarse"], q.device)
        found = attend_with(case["heads"])(*attention.edit_self_attention(q, k, v, reads))
        assert largest_difference(found, fold(tensors[f"self_out.{step}"])) < TOLERANCE


@pytest.mark.parametrize("name", ["replace_blend", "refine_blend"])
def test_oracle_gives_the_published_local_blend(name):
    case, tensors = edit_case(name)
    edits = edits_of_case(case)
    prompts = [edits[0].source, *(edit.target for edit in edits)]
    words = [
        sorted({position for word in blend.split() for position in prompt.find(word)})
        for prompt, blend in zip(prompts, case["blend"], strict=True)
    ]
    total = None
    for step, progress in enumerate(steps_of(case)):
        maps = naive.edited_cross_maps(tensors[f"q.{step}"], tensors[f"k.{step}"], edits, progress, GRID)
        total = maps if total is None else [old + new for old, new in zip(total, maps, strict=True)]
        x_in, x_out = tensors[f"x_in.{step}"], tensors[f"x_out.{step}"]
        blended = naive.local_blend(x_in, total, words, tuple(case["grid"]), case["blend_threshold"])
        assert largest_difference(blended, x_out) < 1e-6


def test_every_published_edit_really_edits(golden):
    """The comparison above means nothing where the published output equals plain attention."""
    case, tensors, _ = golden
    plain = [attend_with(case["heads"])(*(fold(tensors[f"{name}.{step}"]) for name in "qkv")) for step in range(2)]
    assert max(largest_difference(plain[step], fold(tensors[f"cross_out.{step}"])) for step in range(2)) > 0.01
