"""Windows on progress, and the published step ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.windows import Window, paper_self_window, paper_window

fractions = st.one_of(st.floats(0, 1), st.sampled_from([0, 0.2, 0.4, 0.5, 0.8, 1]))


@given(fractions, fractions, st.integers(1, 1000))
def test_paper_window_edits_exactly_the_published_steps(first, last, steps):
    first, last = min(first, last), max(first, last)
    published = range(int(first * (steps + 1)), int(last * (steps + 1)))
    window = paper_window((first, last), steps)
    assert [step for step in range(steps) if window.contains(step / steps)] == [
        s for s in range(steps) if s in published
    ]


@given(fractions, fractions, st.integers(1, 1000))
def test_paper_self_window_edits_exactly_the_published_steps(first, last, steps):
    first, last = min(first, last), max(first, last)
    published = range(int(first * steps), int(last * steps))
    window = paper_self_window((first, last), steps)
    assert [step for step in range(steps) if window.contains(step / steps)] == [
        s for s in range(steps) if s in published
    ]


@given(fractions, st.integers(1, 1000), st.floats(-1e-4, 1e-4))
def test_rounding_errors_of_progress_do_not_move_the_published_steps(last, steps, error):
    window = paper_window(last, steps)
    exact = [window.contains(step / steps) for step in range(steps)]
    assert [window.contains(max(step / steps + error, 0)) for step in range(steps)] == exact


@given(fractions, fractions, fractions)
def test_a_window_split_in_two_is_the_same_window(first, second, progress):
    start, middle, end = sorted([first, second, 1.0])
    halves = Window(start, middle), Window(middle, end)
    assert sum(half.contains(progress) for half in halves) == Window(start, end).contains(progress)


def test_a_window_is_half_open_but_lasts_to_the_very_end():
    window = Window(0.25, 0.5)
    assert [window.contains(p) for p in (0.2, 0.25, 0.4, 0.5)] == [False, True, True, False]
    assert Window(0, 1).contains(1.0) and Window(0.3, 1).contains(1.0)
    assert not Window(0, 0.99).contains(1.0) and not Window(1, 1).contains(1.0)


@pytest.mark.parametrize(("start", "end", "message"), [
    (-0.1, 0.5, "-0.1 is outside"),
    (0, 1.5, "1.5 is outside"),
    (0, float("nan"), "nan is outside"),
    (0, "0.5", "'0.5' is outside"),
    (False, True, "False is outside"),
    (0.6, 0.4, "starts after its end: swap"),
])  # fmt: skip
def test_bad_windows(start, end, message):
    with pytest.raises(P2PError, match=message):
        Window(start, end)
