"""The rules that keep the core simple: what it may import, how long a file may be, what may run while sampling."""

import ast
import re
import sys

import pytest
from core_golden import Path

CORE = Path(__file__).resolve().parents[2] / "p2p_core"
FILES = sorted(CORE.glob("**/*.py"))
RUN_WHILE_SAMPLING = ("attention.py",)


def test_there_are_files():
    assert len(FILES) > 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
class TestFile:
    def test_imports(self, path):
        allowed = {"torch", "numpy", "einops", "safetensors", *sys.stdlib_module_names}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert node.module.split(".")[0] in allowed

    def test_length(self, path):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300

    def test_says_what_it_is_for(self, path):
        source = path.read_text(encoding="utf-8")
        assert not source or ast.get_docstring(ast.parse(source))


@pytest.mark.parametrize("name", RUN_WHILE_SAMPLING)
def test_no_host_synchronisation(name):
    assert not re.search(r"\.(item|cpu|tolist|numpy)\(|\bprint\(", (CORE / name).read_text(encoding="utf-8"))
