"""Makes pyproject.toml ready for the registry: refuses a version that the changelog does not have, fills in addresses.

Where the repository lies is known only where it is published from, so its addresses are not in the file. The workflow
``publish`` runs this on its own copy.

python3 development/registry.py OWNER/NAME COMMIT
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"[\w.-]+/[\w.-]+")
COMMIT = re.compile(r"[0-9a-f]{7,40}")


def problem(project: str, changelog: str) -> str | None:
    """Return in one sentence why this version must not be published, else None."""
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)[1]
    entry = re.search(rf"^## \[{re.escape(version)}\] - (.+)$", changelog, re.MULTILINE)
    if entry is None:
        return f"CHANGELOG.md has no entry for version {version}: write one."
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", entry[1].strip()):
        return (
            f'The entry of version {version} in CHANGELOG.md says "{entry[1].strip()}": write the day of its release.'
        )
    if re.search(r"^\[project\.urls\]|^(Icon|Banner) = ", project, re.MULTILINE):
        return "pyproject.toml has addresses already: publish from a fresh checkout."
    return None


def with_addresses(project: str, repository: str, commit: str) -> str:
    """Return the text with the addresses of the repository, and of icon and banner as they are in this commit."""
    home = f"https://github.com/{repository}"
    pictures = f"https://raw.githubusercontent.com/{repository}/{commit}/docs"
    urls = {"Repository": home, "Documentation": f"{home}#readme", "Bug Tracker": f"{home}/issues"}
    lines = "\n".join(f'"{name}" = "{url}"' if " " in name else f'{name} = "{url}"' for name, url in urls.items())
    shown = f'Icon = "{pictures}/icon.png"\nBanner = "{pictures}/banner.png"'
    return project.replace("\n[tool.comfy]\n", f"\n[project.urls]\n{lines}\n\n[tool.comfy]\n{shown}\n")


def main(arguments: list[str]) -> int:
    """Rewrite pyproject.toml and return the exit code."""
    if len(arguments) != 2 or not ADDRESS.fullmatch(arguments[0]) or not COMMIT.fullmatch(arguments[1]):
        print("Give the repository as OWNER/NAME and a commit.", file=sys.stderr)
        return 2
    path = ROOT / "pyproject.toml"
    project = path.read_text(encoding="utf-8")
    wrong = problem(project, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    if wrong:
        print(wrong, file=sys.stderr)
        return 1
    path.write_text(with_addresses(project, *arguments), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
