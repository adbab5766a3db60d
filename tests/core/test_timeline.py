"""What people are told of an edit, against what it does at every step."""

import json
import math

from core_cases import TOKENIZER, edits_of
from hypothesis import given
from hypothesis import strategies as st
from p2p.p2p_core import naive
from p2p.p2p_core.adjustment import Blend, Move, Scale, adjusted_maps
from p2p.p2p_core.edit import Controller, move, refine, replace, reweight
from p2p.p2p_core.local_blend import LocalBlend
from p2p.p2p_core.operators import plan
from p2p.p2p_core.placement import Placement
from p2p.p2p_core.timeline import KeptSteps, timeline
from p2p.p2p_core.windows import Window

CAT, DOG = TOKENIZER.read("a red cat"), TOKENIZER.read("a red dog, a cat")
SWAPPED = TOKENIZER.read("a red dog")
PROGRESS = (0.0, 0.25, 0.5, 0.75, 1.0)
ALWAYS = Window(0, 1)


def rows_of(edit, progress=PROGRESS) -> list[dict]:
    ((target,),) = timeline([Controller(edit.source, (edit,))], progress)
    assert json.loads(json.dumps(target)) == target
    return target["rows"]


def acting(rows: list[dict], step: int, *kinds: str) -> list[dict]:
    return [row for row in rows if row["kind"] in kinds and any(first <= step < end for first, end in row["active"])]


def spoken(rows: list[dict]) -> list[str]:
    return sorted(word for row in rows for word in row["words"].replace(",", " ").split())


def words_with(prompt, positions) -> list[str]:
    wanted = set(positions)
    return sorted(w.text for w in prompt.words if not w.is_punctuation and wanted.intersection(w.positions))


@given(edits_of(CAT))
def test_every_step_says_what_the_explicit_maps_do(edit):
    rows = rows_of(edit)
    for step, value in enumerate(PROGRESS if not edit.is_identity else ()):
        inherited = naive.inheritance(edit, value).nonzero().flatten().tolist()
        assert spoken(acting(rows, step, "swap", "keep")) == words_with(edit.target, inherited)
        scaled = naive.equalizer(edit, value)
        for word in edit.target.words:
            if not word.is_punctuation and edit.target.find(word.text) == word.positions:  # it stands there once
                said = [row["scale"] for row in acting(rows, step, "scale") if word.text in spoken([row])]
                assert math.prod(said) == scaled[word.positions[0]]
        moved = [position for columns in naive._moved_columns(edit, value).values() for position in columns]
        assert set(words_with(edit.target, moved)) <= set(spoken(acting(rows, step, "move")))
        is_self_edited = edit.self_window is not None and edit.self_window.contains(value)
        assert bool(acting(rows, step, "self")) == is_self_edited


@given(edits_of(CAT))
def test_a_step_with_an_operator_has_a_row_and_a_step_without_one_has_none(edit):
    rows = rows_of(edit)
    for step, operators in enumerate(plan(edit, PROGRESS)):
        certain = acting(rows, step, "swap", "keep", "self")
        assert operators is not None or not certain
        # Scales and moves may undo each other in a part of their windows; they are told one by one.
        assert operators is None or certain or acting(rows, step, "scale", "move")


@given(st.lists(edits_of(CAT), min_size=1, max_size=3))
def test_an_identity_is_empty_unless_another_prompt_of_its_rows_is_edited(edits):
    targets = timeline([Controller(CAT, (edit,)) for edit in edits], PROGRESS)
    is_plain = all(edit.is_identity for edit in edits)
    for edit, ((target),) in zip(edits, targets, strict=True):
        steps = plan(edit, PROGRESS, is_plain)
        sure = [step for step in range(len(PROGRESS)) if acting(target["rows"], step, "swap", "keep", "self")]
        assert all(steps[step] is not None for step in sure)
        assert not is_plain or not target["rows"]


class TestRows:
    def test_words_are_grouped_by_window(self):
        edit = replace(CAT, SWAPPED, Window(0, 0.75), Window(0, 0.5), (("dog", Window(0, 0.25)),), self_grids="medium")
        assert rows_of(edit) == [
            {"kind": "swap", "words": "dog", "source": "cat", "window": [0, 0.25], "active": [[0, 1]]},
            {"kind": "keep", "words": "a red", "window": [0, 0.75], "active": [[0, 3]]},
            {
                "kind": "self", "words": "", "mode": "inject", "grids": "medium",
                "window": [0, 0.5], "active": [[0, 2]],
            },
        ]  # fmt: skip

    def test_scales_of_one_word_in_one_window_are_one(self):
        edit = reweight(reweight(replace(CAT, CAT, ALWAYS, None), "red", 2), "red", -1.5, ALWAYS)
        late = reweight(edit, "cat", 0.5, Window(0.5, 0.75))
        assert [(row["words"], row["scale"], row["active"]) for row in rows_of(late) if row["kind"] == "scale"] == [
            ("red", -3.0, [[0, 5]]),
            ("cat", 0.5, [[2, 3]]),
        ]

    def test_moves(self):
        edit = move(replace(CAT, CAT, ALWAYS, None), "red cat", Placement(0.25, -0.5, 2.0), Window(0, 0.5))
        (row,) = [row for row in rows_of(edit) if row["kind"] == "move"]
        assert (row["words"], row["offset"], row["size"], row["active"]) == ("red cat", [0.25, -0.5], 2.0, [[0, 2]])

    def test_padding_alone_may_follow(self):
        edit = replace(CAT, SWAPPED, Window(0, 0.5), None, tuple((w, Window(0.5, 1)) for w in ("a", "red", "dog")))
        assert [(row["kind"], row["words"], row["active"]) for row in rows_of(edit)] == [
            ("swap", "dog", [[2, 5]]),
            ("keep", "a red", [[2, 5]]),
            ("keep", "", [[0, 2]]),
        ]

    def test_a_schedule_that_leaves_a_window_and_comes_back(self):
        edit = refine(CAT, DOG, Window(0, 0.5), None)
        (row,) = rows_of(edit, (0.0, 0.6, 0.2, 0.3, 0.9))
        assert row["active"] == [[0, 1], [2, 4]]

    def test_an_identity_has_none(self):
        assert rows_of(replace(CAT, CAT, ALWAYS, ALWAYS)) == []

    def test_what_was_adjusted_in_the_record_is_shown_of_words_that_inherit_it(self):
        adjusted = adjusted_maps(CAT, [Move("cat", Placement(0.25)), Blend("a", "red", 0.5)]).changed
        assert adjusted == (*CAT.find("a"), *CAT.find("cat"))
        edit = replace(CAT, SWAPPED, Window(0, 0.5), None, (("a", Window(0, 0)),))
        ((target,),) = timeline([Controller(CAT, (edit,))], PROGRESS, [adjusted])
        rows = [row for row in target["rows"] if row["kind"] == "adjust"]
        assert rows == [{"kind": "adjust", "words": "dog", "window": [0, 0.5], "active": [[0, 2]]}]

    def test_the_same_prompt_again_is_edited_where_its_record_is_adjusted(self):
        again = Controller(CAT, (replace(CAT, CAT, Window(0, 0.5), None),))
        adjusted = adjusted_maps(CAT, [Scale("red", 2)]).changed
        ((target,),) = timeline([again], PROGRESS, [adjusted])
        assert [(row["kind"], row["words"]) for row in target["rows"]] == [("adjust", "red"), ("keep", "a red cat")]

    def test_a_local_blend_has_one_row_in_all_prompts(self):
        edits = [refine(CAT, DOG, ALWAYS, None) for _ in range(2)]
        object.__setattr__(edits[1], "blend", LocalBlend((1,), (1,), words="cat", start=1.0))
        shown = timeline([Controller(CAT, (edit,)) for edit in edits], PROGRESS)
        blends = [[row for row in target["rows"] if row["kind"] == "blend"] for ((target),) in shown]
        assert blends == [[], [{"kind": "blend", "words": "cat", "window": [1.0, 1.0], "active": [[4, 5]]}]]

    def test_targets_are_numbered(self):
        edits = (replace(CAT, DOG, ALWAYS, None), refine(CAT, DOG, ALWAYS, None))
        (targets,) = timeline([Controller(CAT, edits)], PROGRESS)
        assert [(target["target"], target["prompt"]) for target in targets] == [(1, DOG.text), (2, DOG.text)]


def test_what_is_taken_only_in_steps_that_a_record_has():
    edit = reweight(replace(CAT, SWAPPED, Window(0, 0.75), Window(0, 0.5)), "dog", 2)
    kept = KeptSteps({0, 2, 4}, ())
    ((target,),) = timeline([Controller(CAT, (edit,))], PROGRESS, [CAT.find("cat")], [kept])
    taken = [[0, 1], [2, 3]]
    shown = {row["kind"]: row["active"] for row in target["rows"]}
    assert shown == {"swap": taken, "adjust": taken, "keep": taken, "self": [], "scale": [[0, 5]]}
