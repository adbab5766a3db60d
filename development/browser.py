"""Finds the browser that the tests drive: one of the Chromium family that is there already. Nothing is installed."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

VARIABLE = "P2P_BROWSER"
REQUIRED = "P2P_REQUIRE_BROWSER"  # a machine that must not pass without these tests sets it
NONE_FOUND = f"no Chromium, Chrome or Edge was found: install one, or name its program in the variable {VARIABLE}"
COMMANDS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
MAC_PLACES = (
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
WINDOWS_PLACES = (
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
ARGUMENTS = (
    "--disable-gpu",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser(variables: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path | None:
    """Return the program of a browser, None when there is none in the usual places.

    Raises:
        UserError: the variable P2P_BROWSER names no file.
    """
    if named := variables.get(VARIABLE):
        path = Path(named).expanduser()
        if not path.is_file():
            raise UserError(f"{VARIABLE}={named}: there is no such file; name the program of a Chromium, or unset it.")
        return path
    return next((path for path in usual_places(variables, platform) if path.is_file()), None)


def usual_places(variables: Mapping[str, str], platform: str) -> Iterator[Path]:
    """Yield where such a browser may lie: on the path of commands first."""
    for command in COMMANDS:
        if found := shutil.which(command, path=variables.get("PATH")):
            yield Path(found)
    if platform == "darwin":
        for folder in (Path("/Applications"), Path(variables.get("HOME", "~")).expanduser() / "Applications"):
            yield from (folder / place for place in MAC_PLACES)
    if platform == "win32":
        for folder in (variables[name] for name in WINDOWS_FOLDERS if variables.get(name)):
            yield from (Path(folder) / place for place in WINDOWS_PLACES)


def launch(playwright: "Playwright") -> "Browser | None":
    """Start the browser without a window: the machine's own, else Playwright's own; None when there is neither."""
    found = find_browser()
    if found is None and not Path(playwright.chromium.executable_path).is_file():
        return None
    return playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
