"""The files people read: help pages, README, licence and version say the same as the code."""

import importlib.util
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from p2p.mini_sdxl.vocabulary import BACKGROUNDS, COLOURS, OBJECTS, SIZES

ROOT = Path(__file__).resolve().parent.parent
NODES = json.loads((ROOT / "tests" / "host" / "node_schema.json").read_text(encoding="utf-8"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "mini_sdxl" / "README.md", *(ROOT / "web").rglob("*.md")]
NEEDED_AT_RUN_TIME = (
    "__init__.py",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "nodes/apply.py",
    "nodes/_host/install.py",
    "p2p_core/edit.py",
    "mini_sdxl/__init__.py",
    "mini_sdxl/architecture.py",
    "mini_sdxl/autoencoder.py",
    "mini_sdxl/builder.py",
    "mini_sdxl/weights/mini_sdxl.safetensors",
    "web/docs/P2PApply.md",
    "example_workflows/word_swap.json",
    "example_workflows/api/word_swap.json",
)
NOT_NEEDED = ("tests/conftest.py", "development/demo.py", "dev.py", "mini_sdxl/training/train.py", "docs/word_swap.png")


def read(path: Path | str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def project_value(key: str) -> str:
    """A plain string of pyproject.toml (Python 3.10 cannot read TOML)."""
    return re.search(rf'^{key} = "(.+)"$', read("pyproject.toml"), re.MULTILINE)[1]


# Help pages and README


@pytest.mark.parametrize("name", NODES)
def test_a_node_has_a_help_page_that_names_its_inputs(name):
    page = read(f"web/docs/{name}.md")
    for field, _ in NODES[name]["inputs"]:
        assert f"`{field}`" in page


def test_every_help_page_belongs_to_a_node():
    assert {path.stem for path in (ROOT / "web" / "docs").glob("*.md")} == set(NODES)


def test_no_script_lies_below_web_by_accident():
    """The host loads every .js there into the browser."""
    assert not [relative(path) for path in (ROOT / "web").rglob("*.js") if "test" in path.name]


@pytest.mark.parametrize("name", NODES)
def test_the_node_table_of_the_readme_is_complete(name):
    row = next(line for line in read("README.md").splitlines() if line.startswith(f"| [`{name}`]"))
    fields = row.split("|")[3]
    assert re.findall(r"`(\w+)`", fields) == [field for field, _ in NODES[name]["inputs"]]


def test_the_readmes_values_are_those_that_were_measured():
    """docs/make_sweeps.py writes them."""
    values = load(ROOT / "docs" / "which_values.py")
    text = read("README.md")
    assert values.with_table(text, values.values_tables(values.read())) == text


@pytest.mark.parametrize("page", ["web/docs/P2PMiniSDXL.md", "mini_sdxl/README.md"])
def test_the_vocabulary_is_told_in_full(page):
    text = read(page)
    lists = {row.split("|")[1].strip(): row.split("|")[2] for row in text.splitlines() if row.startswith("|")}
    for title, words in {"Objects": OBJECTS, "Colours": COLOURS, "Sizes": SIZES, "Backgrounds": BACKGROUNDS}.items():
        told = [re.sub(r"\(.*?\)|;.*|\b(on|at)\b", "", word).strip() for word in lists[title].split(",")]
        assert [word for word in told if word][: len(words)] == list(words)


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_links_lead_somewhere(path):
    """The pictures of help pages are looked for elsewhere, see test_help.py."""
    is_help = (ROOT / "web") in path.parents
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", read(path)):
        assert (is_help and target.startswith("images/")) or (path.parent / target).exists(), target


def load(path: Path):
    spec = importlib.util.spec_from_file_location(f"{path.stem}_of_the_readme", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_commands_of_the_readme_exist():
    commands = re.findall(r"python3 dev\.py ([^`\n]+)", read("README.md"))
    assert {"demo", "test", "serve"} <= set(commands)
    dev = load(ROOT / "dev.py")
    for command in commands:
        if "--help" not in command:
            dev.parse(shlex.split(command))


def test_the_files_named_in_the_readmes_exist():
    assert (ROOT / "docs" / "make_pictures.py").is_file()
    table = read("mini_sdxl/README.md").split("## Files")[1]
    for line in table.splitlines():
        cell = line.split("|")[1] if line.startswith("| `") else ""
        names = re.findall(r"`([^`]+)`", cell)
        folder = names[0].rpartition("/")[0] if names else ""
        for name in names:
            assert any((ROOT / "mini_sdxl" / part / name).exists() for part in ("", folder)), name


def test_the_recipe_of_the_model_is_that_of_the_code():
    recipe = read("mini_sdxl/README.md").split("## Recipe")[1].split("## Training it again")[0].replace(",", "")
    defaults = re.findall(r'"--(?:\w+-steps|scenes)", type=int, default=(\d+)', read("mini_sdxl/training/train.py"))
    assert len(defaults) == 6
    assert re.findall(r"\| (\d+) (?:steps|scenes) \|", recipe) == defaults


# Versions, licence, archive


def test_version_licence_and_requirements_agree():
    assert re.search(rf"^## \[{re.escape(project_value('version'))}\]", read("CHANGELOG.md"), re.MULTILINE)
    assert f'PACK_VERSION = "{project_value("version")}"' in read("nodes/attention_files.py")
    assert read("LICENSE").startswith("MIT License")
    assert "[MIT](LICENSE)" in read("README.md")
    assert 'license = { file = "LICENSE" }' in read("pyproject.toml")
    host = project_value("requires-comfyui").removeprefix(">=")
    assert f"ComfyUI {host} or newer" in read("README.md")
    dev = load(ROOT / "dev.py")
    oldest, newest = ("{}.{}".format(*version) for version in (dev.OLDEST_PYTHON, dev.NEWEST_PYTHON))
    assert project_value("requires-python") == f">={oldest}"
    assert f"Python {oldest} to {newest}" in read("README.md")
    assert f'"Programming Language :: Python :: {newest}"' in read("pyproject.toml")


def test_comfyignore_keeps_what_the_pack_needs():
    files = [*NEEDED_AT_RUN_TIME, *NOT_NEEDED]
    command = ["git", "-c", "core.excludesFile=.comfyignore", "check-ignore", "--no-index", *files]
    try:
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    if result.returncode > 1:
        pytest.skip("this is not a git repository")
    assert result.stdout.split() == list(NOT_NEEDED)


def test_no_file_names_a_place_of_one_machine():
    result = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip("this is not a git repository")
    machine = re.compile(rb"(?<![\w.])/(?:root|home|work|Users)/\w|\b[A-Z]:\\Users")
    texts = [ROOT / name for name in result.stdout.splitlines() if Path(name).suffix not in (".png", ".jpg")]
    found = [relative(path) for path in texts if path.is_file() and machine.search(path.read_bytes())]
    assert not [name for name in found if not name.endswith((".safetensors", "test_project_files.py"))]
