"""The grammar of all text inputs: the cases that the browser obeys too, and round trips."""

import json
import math
import re
import time
from pathlib import Path

import pytest
from core_grammar import GRAMMAR, Grammar, flat
from hypothesis import given
from hypothesis import strategies as st
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.grammar import LARGEST_SCALE, format_scales, parse_scales
from p2p.p2p_core.windows import Window

CASES = json.loads((Path(__file__).resolve().parents[1] / "grammar_cases.json").read_text(encoding="utf-8"))
KEYS = {
    "reading": [{"kind", "note", "text", "parsed", "canonical"}, {"kind", "note", "text", "error"}],
    "writing": [{"kind", "note", "entries", "canonical"}, {"kind", "note", "entries", "error"}],
}


def cases(list_name, outcome):
    chosen = [case for case in CASES[list_name] if outcome in case]
    return pytest.mark.parametrize("case", chosen, ids=lambda case: f"{case['kind']}-{case['note']}")


class TestCases:
    def test_every_kind_has_cases_that_are_read_and_cases_that_are_refused(self):
        assert len(CASES["reading"]) >= 120 and len(CASES["writing"]) >= 10
        for kind in GRAMMAR:
            outcomes = ["parsed" in case for case in CASES["reading"] if case["kind"] == kind]
            assert outcomes.count(True) >= 15 and outcomes.count(False) >= 4

    @pytest.mark.parametrize("list_name", ["reading", "writing"])
    def test_no_case_has_a_misspelled_key_or_stands_there_twice(self, list_name):
        assert all(set(case) in KEYS[list_name] for case in CASES[list_name])
        names = [(case["kind"], case["note"]) for case in CASES[list_name]]
        assert len(set(names)) == len(names)

    @cases("reading", "parsed")
    def test_read(self, case):
        grammar: Grammar = GRAMMAR[case["kind"]]
        parsed = grammar.parse(case["text"])
        assert [flat(entry) for entry in parsed] == case["parsed"]
        assert grammar.write(parsed) == case["canonical"]
        assert grammar.parse(case["canonical"]) == parsed

    @cases("reading", "error")
    def test_refused(self, case):
        with pytest.raises(P2PError, match=re.escape(case["error"])):
            GRAMMAR[case["kind"]].parse(case["text"])

    @cases("writing", "canonical")
    def test_written(self, case):
        grammar = GRAMMAR[case["kind"]]
        assert grammar.write([grammar.entry(entry) for entry in case["entries"]]) == case["canonical"]
        assert grammar.write(grammar.parse(case["canonical"])) == case["canonical"]

    @cases("writing", "error")
    def test_not_written(self, case):
        grammar = GRAMMAR[case["kind"]]
        with pytest.raises(P2PError, match=re.escape(case["error"])):
            grammar.write([grammar.entry(entry) for entry in case["entries"]])


# What a person may click on or type: any characters but separators, in the spelling that the parsers return.
words = st.text(min_size=1).filter(lambda text: not re.search(r"[\n,]", text) and re.search(r"\w", text))
phrases = words.map(lambda text: GRAMMAR["words"].parse(text.rstrip("#0123456789") + "x")[0])
occurrences = st.sampled_from(["", "#1", "#2", "#17"])
numbered = st.builds(str.__add__, phrases, occurrences)
windows = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda bounds: Window(min(bounds), max(bounds)))
scales = st.floats(-LARGEST_SCALE, LARGEST_SCALE)


class TestRoundTrip:
    @given(st.lists(st.tuples(numbered, windows), max_size=4).map(tuple))
    def test_word_windows(self, entries):
        assert GRAMMAR["word_windows"].parse(GRAMMAR["word_windows"].write(entries)) == entries

    @given(st.lists(st.tuples(numbered, scales, windows), max_size=4).map(tuple))
    def test_scales(self, entries):
        assert GRAMMAR["scales"].parse(GRAMMAR["scales"].write(entries)) == entries

    @given(st.lists(numbered, max_size=4).map(tuple))
    def test_words(self, entries):
        assert GRAMMAR["words"].parse(GRAMMAR["words"].write(entries)) == entries

    @given(st.floats(-LARGEST_SCALE, LARGEST_SCALE, allow_subnormal=True))
    def test_numbers_have_no_exponent(self, scale):
        assert re.fullmatch(r"x: -?\d+(\.\d+)?", format_scales([("x", scale, Window(0, 1))]))


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -float("inf"), 100.00001])
def test_a_scale_that_no_text_may_have_is_not_written(scale):
    with pytest.raises(P2PError, match='In "night": a scale goes from -100 to 100'):
        format_scales([("night", scale, Window(0, 1))])


def test_minus_nothing_is_nothing():
    ((_, scale, _),) = parse_scales("night: -0")
    assert math.copysign(1, scale) == 1


@pytest.mark.parametrize("kind", GRAMMAR)
def test_separators_in_any_place_change_nothing(kind):
    text = next(case["canonical"] for case in CASES["reading"] if case["kind"] == kind and "#2" in case.get("text", ""))
    parse = GRAMMAR[kind].parse
    for separator in (",", "\n", "\r\n", " , ", ",\n,,"):
        twice = f"{separator}{text}{separator}{text}{separator}"
        assert parse(twice) == parse(text) * 2


@pytest.mark.parametrize("kind", GRAMMAR)
def test_long_texts_are_read_quickly(kind):
    """No pattern goes back over what it has read: a pasted page must not freeze a text box."""
    started = time.process_time()
    for text in ("9" * 100_000, "dog: " + "9" * 100_000, " " * 100_000 + "x", "#" * 100_000, "dog: " + "- " * 50_000):
        try:
            GRAMMAR[kind].parse(text)
        except P2PError as error:
            assert len(str(error)) < 400
    assert time.process_time() - started < 5  # 0.1 s; a pattern that goes back needs hours
