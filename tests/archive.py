"""The files that the registry's archive holds: those that git tracks, less those that .comfyignore names."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def archived_files() -> list[str]:
    """Their paths; skips the test where this is no git repository."""
    tracked = _git(["ls-files", "-z"]).stdout
    ignored = _git(
        ["-c", "core.excludesFile=.comfyignore", "check-ignore", "--no-index", "-z", "--stdin"], given=tracked
    ).stdout
    left_out = set(ignored.split("\0"))
    return [name for name in tracked.split("\0") if name and name not in left_out and (ROOT / name).is_file()]


def _git(arguments: list[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        result = subprocess.run(
            ["git", *arguments], cwd=ROOT, input=given, capture_output=True, encoding="utf-8", check=False
        )
    except FileNotFoundError:
        pytest.skip("git is not installed")
    if result.returncode > 1:
        pytest.skip("this is not a git repository")
    return result
