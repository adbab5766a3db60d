"""Which browser the tests take."""

import os
import stat

import pytest
from p2p.development import browser
from p2p.development.errors import UserError


def program(path):
    """Make a file that looks like a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.skipif(os.name == "nt", reason="programs on the path have other names")
def test_a_command_on_the_path(tmp_path):
    found = program(tmp_path / "google-chrome")
    assert browser.find_browser({"PATH": str(tmp_path)}, "linux") == found


@pytest.mark.skipif(os.name == "nt", reason="programs on the path have other names")
def test_chromium_before_others(tmp_path):
    for name in browser.COMMANDS:
        program(tmp_path / name)
    assert browser.find_browser({"PATH": str(tmp_path)}, "linux").name == "chromium"


def test_the_usual_place_of_windows(tmp_path):
    found = program(tmp_path / "Microsoft" / "Edge" / "Application" / "msedge.exe")
    variables = {"PATH": str(tmp_path / "nothing"), "PROGRAMFILES(X86)": str(tmp_path)}
    assert browser.find_browser(variables, "win32") == found


def test_the_usual_place_of_macos(tmp_path):
    found = program(tmp_path / "Applications" / "Google Chrome.app" / "Contents" / "MacOS" / "Google Chrome")
    variables = {"PATH": str(tmp_path / "nothing"), "HOME": str(tmp_path)}
    places = list(browser.usual_places(variables, "darwin"))
    assert found in places
    assert all("Google Chrome" in str(place) or "Chromium" in str(place) or "Edge" in str(place) for place in places)


def test_none(tmp_path):
    assert browser.find_browser({"PATH": str(tmp_path)}, "linux") is None


def test_the_variable_comes_first(tmp_path):
    program(tmp_path / "chromium")
    mine = program(tmp_path / "mine")
    assert browser.find_browser({"PATH": str(tmp_path), browser.VARIABLE: str(mine)}, "linux") == mine


def test_a_variable_that_names_nothing(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        browser.find_browser({browser.VARIABLE: str(tmp_path / "missing")}, "linux")


class Playwright:
    """Records what would be started."""

    def __init__(self, own):
        self.chromium = self
        self.executable_path = str(own)
        self.launched = []

    def launch(self, **options):
        self.launched.append(options["executable_path"])
        return "a browser"


@pytest.fixture
def without_browsers(monkeypatch):
    monkeypatch.setattr(browser, "find_browser", lambda: None)


def test_the_one_of_playwright_is_the_last_choice(tmp_path, without_browsers):
    playwright = Playwright(program(tmp_path / "own"))
    assert browser.launch(playwright) == "a browser"
    assert playwright.launched == [None]


def test_nothing_is_started_without_any(tmp_path, without_browsers):
    playwright = Playwright(tmp_path / "missing")
    assert browser.launch(playwright) is None
    assert not playwright.launched
