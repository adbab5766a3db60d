"""The checks of JavaScript: eslint is installed once per lock file, and no check passes that did not run."""

import json
import sys
from pathlib import Path

import pytest
from p2p.development import commands, javascript, paths
from p2p.development.errors import UserError

PYTHON = Path(sys.executable)


@pytest.fixture
def project(tmp_path):
    """A root with a lock file."""
    for name in javascript.WANTED:
        (tmp_path / name).write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.fixture
def npm(monkeypatch):
    """Count what would be installed."""
    calls = []
    monkeypatch.setattr(javascript, "run", lambda command, purpose: calls.append(command))
    return calls


def test_eslint_is_installed_once(project, npm, tmp_path):
    folder = tmp_path / ".cache" / "javascript"
    first, second = (javascript.eslint(PYTHON, project, folder) for _ in range(2))
    assert first == second
    assert len(npm) == 1
    assert npm[0][npm[0].index("--prefix") + 1] == str(folder)
    assert first.variables["NODE_PATH"] == str(folder / "node_modules")


def test_another_lock_file_installs_anew(project, npm, tmp_path):
    folder = tmp_path / ".cache" / "javascript"
    javascript.eslint(PYTHON, project, folder)
    (project / "package-lock.json").write_text('{"lockfileVersion": 3}', encoding="utf-8")
    javascript.eslint(PYTHON, project, folder)
    assert len(npm) == 2
    assert "lockfileVersion" in (folder / "package-lock.json").read_text(encoding="utf-8")


def test_an_installation_that_failed_is_repeated(project, monkeypatch, tmp_path):
    calls = []

    def fail(command, purpose):
        calls.append(command)
        raise UserError("The package index cannot be reached.")

    monkeypatch.setattr(javascript, "run", fail)
    for _ in range(2):
        with pytest.raises(UserError):
            javascript.eslint(PYTHON, project, tmp_path / ".cache" / "javascript")
    assert len(calls) == 2


def test_all_tests_of_javascript_are_run(project):
    folder = project / "tests" / "web"
    folder.mkdir(parents=True)
    for name in ("b.test.js", "a.test.js", "helper.js"):
        (folder / name).touch()
    assert javascript.unit_tests(PYTHON, project).arguments[-2:] == ["tests/web/a.test.js", "tests/web/b.test.js"]


def test_no_test_of_javascript_is_no_success(project):
    with pytest.raises(UserError, match="nothing was tested"):
        javascript.unit_tests(PYTHON, project)


@pytest.mark.parametrize("code", [0, 1])
def test_a_check_fails_by_its_exit_code(code, capfd):
    check = javascript.Command([sys.executable, "-c", f"raise SystemExit({code})"])
    assert commands._fails("a check", lambda: check) == bool(code)
    assert capfd.readouterr().out == f"a check: {'FAILED' if code else 'passed'}\n"


def test_a_check_that_cannot_be_run_has_failed(capfd):
    def make():
        raise UserError("Installing eslint failed because the package index cannot be reached.")

    assert commands._fails("eslint", make)
    said = capfd.readouterr()
    assert said.err.count("\n") == 1
    assert "FAILED" in said.out


def test_the_lock_file_names_no_host_of_packages_and_fits_the_wishes():
    wishes, lock = (json.loads((paths.ROOT / name).read_text(encoding="utf-8")) for name in javascript.WANTED)
    assert lock["packages"][""]["devDependencies"] == wishes["devDependencies"]
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert wishes["private"] and wishes["type"] == "module"
    assert "dependencies" not in wishes
