"""The versions of Python ``dev.py`` accepts, and what it tells the others."""

import ast
import importlib.util
import subprocess
import sys
from collections import namedtuple

import pytest
from p2p.development import paths

Version = namedtuple("Version", "major minor micro")


@pytest.fixture
def dev(monkeypatch):
    """``dev.py`` as a module."""
    spec = importlib.util.spec_from_file_location("p2p_dev", paths.ROOT / "dev.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("minor", [10, 11, 12, 13])
def test_supported_versions(dev, minor):
    assert dev.python_problem((3, minor)) is None


@pytest.mark.parametrize(("version", "word"), [((2, 7), "old"), ((3, 9), "old"), ((3, 14), "new"), ((4, 0), "new")])
def test_other_versions_get_one_sentence(dev, monkeypatch, capsys, version, word):
    monkeypatch.setattr(sys, "version_info", Version(*version, 0))
    assert dev.main(["test"]) == 2
    message = capsys.readouterr().err
    assert word in message
    assert message.count("\n") == 1


def test_entry_point_has_no_syntax_of_newer_pythons():
    """An old Python must be able to read the file far enough to say which one is needed."""
    tree = ast.parse((paths.ROOT / "dev.py").read_text(encoding="utf-8"))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert not [one.name for one in functions if one.returns or any(arg.annotation for arg in one.args.args)]


def test_help_needs_no_environment():
    done = subprocess.run([sys.executable, paths.ROOT / "dev.py", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "serve" in done.stdout


def test_arguments_after_two_dashes_are_for_pytest(dev):
    options = dev.parse(["test", "--", "-k", "name"])
    assert options.pytest_arguments == ["-k", "name"]


@pytest.mark.parametrize(
    "arguments",
    [[], ["demo", "--", "-k"], ["demo", "--soak"], ["train"], ["bench", "--only", "all"], ["demo", "--seeds", "many"]],
)
def test_a_command_line_without_sense_is_refused(dev, arguments, capsys):
    with pytest.raises(SystemExit) as error:
        dev.parse(arguments)
    assert error.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
