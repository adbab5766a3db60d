"""What the registry gets: the archive, the addresses and pictures that are filled in, and when it is published."""

import re
import subprocess
import sys

import pytest
from p2p.development.registry import problem, with_addresses
from p2p.tests.archive import ROOT, archived_files
from PIL import Image

PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
VERSION = re.search(r'^version = "(.+)"$', PROJECT, re.MULTILINE)[1]
RELEASED = f"## [{VERSION}] - 2026-01-31\n"
MEGABYTE = 2**20


def test_the_archive_has_what_the_host_and_the_browser_read():
    files = archived_files()
    for folder in ("web", "locales", "example_workflows", "subgraphs", "nodes", "p2p_core"):
        here = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}
        tracked = {name for name in here if "__pycache__" not in name}
        assert tracked
        assert tracked <= set(files), folder
    assert {"__init__.py", "LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= set(files)


def test_the_archive_has_nothing_that_only_developers_need():
    for name in archived_files():
        assert not re.match(r"(tests|development|docs|\.\w+|mini_sdxl/training)/|dev\.py|package\.json|eslint", name), (
            name
        )


def test_the_archive_is_small():
    assert sum((ROOT / name).stat().st_size for name in archived_files()) < 30 * MEGABYTE


def test_the_metadata_of_the_registry_is_complete_once_the_addresses_are_known():
    """Where the repository lies is not known here: what is false must not stand in the file."""
    assert not re.search(r"^\[project\.urls\]|^(Icon|Banner) = ", PROJECT, re.MULTILINE)
    filled = with_addresses(PROJECT, "someone/some-pack", "0123abc")
    for line in (
        'Repository = "https://github.com/someone/some-pack"',
        '"Bug Tracker" = "https://github.com/someone/some-pack/issues"',
        'Icon = "https://raw.githubusercontent.com/someone/some-pack/0123abc/docs/icon.png"',
        'Banner = "https://raw.githubusercontent.com/someone/some-pack/0123abc/docs/banner.png"',
    ):
        assert f"\n{line}\n" in filled
    assert filled.index("[project.urls]") < filled.index("[tool.comfy]") < filled.index("Icon = ")
    assert len(filled.splitlines()) == len(PROJECT.splitlines()) + 7
    for key in ("name", "version", "description", "requires-python", "PublisherId", "DisplayName", "requires-comfyui"):
        assert re.search(rf'^{key} = ".+"$', filled, re.MULTILINE), key
    assert re.search(r"^dependencies = \[\]$", filled, re.MULTILINE)
    assert "Operating System :: OS Independent" in filled
    assert "Environment :: GPU" in filled
    assert len(re.search(r'^name = "(.+)"$', filled, re.MULTILINE)[1]) < 100
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_addresses_are_read_by_a_toml_reader():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 cannot read TOML")
    project = tomllib.loads(with_addresses(PROJECT, "someone/some-pack", "0123abc"))
    assert set(project["project"]["urls"]) == {"Repository", "Documentation", "Bug Tracker"}
    assert project["tool"]["comfy"]["Icon"].endswith("/docs/icon.png")
    assert project["tool"]["ruff"]["line-length"] == 120


def test_icon_and_banner_have_the_shapes_that_the_registry_asks_for():
    with Image.open(ROOT / "docs" / "icon.png") as icon:
        assert icon.width == icon.height <= 400
    with Image.open(ROOT / "docs" / "banner.png") as banner:
        assert banner.width * 9 == banner.height * 21


@pytest.mark.parametrize(
    ("changelog", "said"),
    [
        ("## [Unreleased]\n", "no entry"),
        (f"## [{VERSION}0] - 2026-01-31\n", "no entry"),
        (f"## [{VERSION}] - unreleased\n", "the day of its release"),
    ],
)
def test_a_version_that_the_changelog_does_not_have_is_not_published(changelog, said):
    assert said in problem(PROJECT, changelog)


def test_a_version_with_a_dated_entry_is_published():
    assert problem(PROJECT, RELEASED) is None


def test_addresses_are_not_filled_in_twice():
    assert "already" in problem(with_addresses(PROJECT, "someone/some-pack", "0123abc"), RELEASED)


def test_a_wrong_call_says_so_and_changes_nothing():
    command = [sys.executable, ROOT / "development" / "registry.py", "no address", "0123abc"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "OWNER/NAME" in result.stderr
    assert (ROOT / "pyproject.toml").read_text(encoding="utf-8") == PROJECT


# The workflows


def workflow(name: str) -> dict:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))


def test_every_change_is_tested_on_every_system_by_the_readmes_command():
    job = workflow("test")["jobs"]["test"]
    systems = job["strategy"]["matrix"]["system"]
    assert [system.split("-")[0] for system in systems] == ["ubuntu", "windows", "macos"]
    assert job["strategy"]["matrix"]["python"] == ["3.10", "3.13"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["python dev.py test"]
    assert "python3 dev.py test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_nothing_is_published_before_the_tests_passed_nor_by_a_fork():
    found = workflow("publish")
    triggers = found[True]  # YAML reads the key "on" as a truth value
    assert triggers["push"] == {"branches": ["main"], "paths": ["pyproject.toml"]}
    publish, test = found["jobs"]["publish"], found["jobs"]["test"]
    assert publish["needs"] == "test"
    assert test["uses"] == "./.github/workflows/test.yml"
    assert "workflow_call" in workflow("test")[True]
    for job in (publish, test):
        assert "github.repository_owner == vars.REGISTRY_OWNER" in job["if"]
    check, action = publish["steps"][-2:]
    assert check["run"].startswith("python3 development/registry.py ")
    assert action["uses"] == "Comfy-Org/publish-node-action@v1"
    assert action["with"]["skip_checkout"] == "true"  # else the addresses would be lost
    assert action["with"]["personal_access_token"] == "${{ secrets.REGISTRY_ACCESS_TOKEN }}"
