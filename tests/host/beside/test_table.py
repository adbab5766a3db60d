"""The README's table of other nodes is the one that the tests stand for."""

import ast
from pathlib import Path

import pytest

from .table import BEGIN, END, NOTE, REFUSED, ROWS, WORKS, markdown

HOST_TESTS = Path(__file__).resolve().parent.parent
README = HOST_TESTS.parent.parent / "README.md"


def test_the_readme_has_exactly_this_table():
    text = README.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert text[text.index(BEGIN) : text.index(END) + len(END)] == markdown()


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_every_row_names_an_existing_test(row):
    file, *names = row.test.split("::")
    body = ast.parse((HOST_TESTS / file).read_text(encoding="utf-8")).body
    for name in names:
        (found,) = [node for node in body if getattr(node, "name", None) == name]
        body = found.body
    assert isinstance(found, ast.FunctionDef)
    assert found.name.startswith("test_")


def test_rows_are_told_apart_and_noted():
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {row.verdict for row in ROWS} <= {WORKS, NOTE, REFUSED}
    assert all(row.note for row in ROWS if row.verdict == NOTE)


def test_every_neighbour_of_this_folder_is_in_the_table():
    """A test file may have more tests of one neighbour, but no file may be missing."""
    files = {path.name for path in Path(__file__).parent.glob("test_*.py")} - {
        "test_table.py",
        "test_blend_and_maps.py",
    }
    assert files == {Path(row.test.split("::")[0]).name for row in ROWS if row.test.startswith("beside/")}
