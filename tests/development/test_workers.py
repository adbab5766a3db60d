"""How the tests are shared between the workers of a run."""

import pytest
from p2p.development.paths import ROOT
from p2p.tests.workers import SHARING, group_of


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("tests/host/test_edit.py::test_a[x::y]", "tests/host/test_edit.py::Class::test_b", True),
        ("tests/host/test_edit.py::test_a", "tests/host/test_live.py::test_a", False),
        ("tests/browser/test_chips.py::test_a", "tests/browser/test_live.py::test_b[vue]", True),
        ("tests/browser/test_chips.py::test_a", "tests/endurance/test_interrupts.py::test_a", False),
    ],
)
def test_what_shares_much_stays_together(first, second, together):
    assert (group_of(first) == group_of(second)) is together


def test_the_folders_are_there():
    assert all(list((ROOT / folder).glob("test_*.py")) for folder in SHARING)
