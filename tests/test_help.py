"""The help pages: one of every node in every language, each with a picture, the idea, all inputs and outputs, a recipe,
and what to try. Names and tooltips themselves are in locales/, see test_locales.py."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "web" / "docs"
PICTURES = DOCS / "images"
NODES = json.loads((ROOT / "tests" / "host" / "node_schema.json").read_text(encoding="utf-8"))
TEXTS = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text(encoding="utf-8"))
PATHS = {"en": lambda node: DOCS / f"{node}.md", "zh": lambda node: DOCS / node / "zh.md"}
HEADINGS = {
    "en": ("Inputs", "Outputs", "Recipe", "If it does nothing, or too little", "If it does too much", "It works with"),
    "zh": ("输入", "输出", "操作步骤", "没有效果或效果太弱", "效果太强", "可搭配使用"),
}
STRIPS = {
    "P2PReplaceController": ("windows_cross", "windows_self", "word_windows", "self_attention", "self_grids"),
    "P2PRefineController": ("windows_cross", "windows_self"),
    "P2PReweightController": ("scales",),
    "P2PMoveController": ("offset", "move_window"),
    "P2PLocalBlend": ("blend_threshold", "blend_start"),
    "P2PAttentionGuidance": ("guidance_places",),
    "P2PRecord": ("record_options",),
    "P2PAttentionStore": ("map_grids",),
    "P2PAttentionMaps": ("map_layouts", "map_grids"),
}
MOST_BYTES, MOST_WIDTH = 80 * 1024, 900
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
pages = pytest.mark.parametrize(("node", "language"), [(node, language) for node in NODES for language in PATHS])


def page(node: str, language: str) -> str:
    return PATHS[language](node).read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    """What stands between empty lines."""
    return [block for block in re.split(r"\n{2,}", text.strip()) if block]


def section(text: str, heading: str) -> str:
    """From a heading to the next of the same rank."""
    return re.split(r"^## ", text.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]


@pages
def test_a_page_starts_with_its_picture_and_the_idea_in_two_sentences(node, language):
    title, picture, idea = blocks(page(node, language))[:3]
    assert re.fullmatch(r"# \S.*", title)
    assert PICTURE.fullmatch(picture)[2] == f"images/{node}.jpg"
    sentences = re.findall(r"[.。](?=\s|$|[\u4e00-\u9fff“*])", idea)
    assert len(sentences) == 2, idea


@pages
def test_a_page_has_every_section(node, language):
    text = page(node, language)
    places = [text.index(f"\n## {heading}\n") for heading in HEADINGS[language]]
    assert places == sorted(places)
    for heading in HEADINGS[language]:
        assert section(text, heading).strip(), heading


@pages
def test_every_input_and_output_is_named_where_it_belongs(node, language):
    text = page(node, language)
    for heading, side in zip(HEADINGS[language], ("inputs", "outputs"), strict=False):
        told = section(text, heading)
        missing = [name for name, _ in NODES[node][side] if f"`{name}`" not in told]
        assert not missing


@pages
def test_every_choice_is_explained(node, language):
    text = page(node, language)
    for entry in TEXTS[node]["inputs"].values():
        assert not [choice for choice in entry.get("options", {}) if not re.search(rf"(\*\*|`){choice}(\*\*|`)", text)]


@pages
def test_the_recipe_goes_step_by_step(node, language):
    steps = re.findall(r"^(\d)\. ", section(page(node, language), HEADINGS[language][2]), re.MULTILINE)
    assert len(steps) >= 2
    assert steps == [str(number) for number in range(1, len(steps) + 1)]


@pages
def test_the_important_inputs_have_strips_of_pictures(node, language):
    shown = {Path(path).stem for _, path in PICTURE.findall(page(node, language))}
    assert shown >= set(STRIPS.get(node, ()))


@pages
def test_every_picture_has_words_for_those_who_do_not_see_it(node, language):
    for description, _ in PICTURE.findall(page(node, language)):
        assert len(description) >= 8


@pages
def test_every_picture_exists_and_is_small_enough_for_a_narrow_panel(node, language):
    """The front end looks for them below web/docs, for the pages of every language."""
    for _, path in PICTURE.findall(page(node, language)):
        assert path.startswith("images/")
        content = (DOCS / path).read_bytes()
        assert content.startswith(b"\xff\xd8")
        assert len(content) <= MOST_BYTES
        assert jpeg_width(content) <= MOST_WIDTH


def jpeg_width(content: bytes) -> int:
    """From the segment that starts a frame (ITU T.81, B.2.2)."""
    place = 2
    while not (0xC0 <= content[place + 1] <= 0xCF and content[place + 1] not in (0xC4, 0xC8, 0xCC)):
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return int.from_bytes(content[place + 7 : place + 9], "big")


@pytest.mark.parametrize("node", NODES)
def test_a_page_is_the_same_in_every_language(node):
    """The same pictures in the same order, and as many headings, rows of tables and steps: nothing is left out."""
    english, chinese = page(node, "en"), page(node, "zh")
    assert [path for _, path in PICTURE.findall(chinese)] == [path for _, path in PICTURE.findall(english)]
    for start in ("## ", "### ", r"\| ", r"\d\. ", r"\* "):
        counts = [len(re.findall(rf"^ *{start}", text, re.MULTILINE)) for text in (english, chinese)]
        assert counts[0] == counts[1], start


@pytest.mark.parametrize("node", NODES)
def test_a_chinese_page_is_chinese(node):
    prose = [block for block in blocks(page(node, "zh")) if not block.startswith(("```", "    "))]
    foreign = [block for block in prose if not re.search(r"[\u4e00-\u9fff]", block)]
    assert not foreign


@pytest.mark.parametrize("node", NODES)
def test_a_node_has_a_name_a_description_and_tooltips_everywhere(node):
    texts = TEXTS[node]
    assert texts["display_name"]
    assert texts["description"]
    assert list(texts["inputs"]) == [name for name, _ in NODES[node]["inputs"]]
    assert [output["name"] for output in texts["outputs"].values()] == [name for name, _ in NODES[node]["outputs"]]
    for part in (*texts["inputs"].values(), *texts["outputs"].values()):
        assert part["tooltip"], part["name"]


def test_every_page_and_picture_is_used():
    assert {path.stem for path in DOCS.glob("*.md")} == set(NODES)
    folders = {path.name for path in DOCS.iterdir() if path.is_dir()} - {PICTURES.name}
    assert folders == set(NODES)
    assert {path.name for node in NODES for path in (DOCS / node).iterdir()} == {"zh.md"}
    shown = {path for node in NODES for _, path in PICTURE.findall(page(node, "en"))}
    assert {f"images/{path.name}" for path in PICTURES.iterdir()} <= shown
