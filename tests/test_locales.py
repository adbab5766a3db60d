"""The texts of the nodes in other languages: complete, nothing superfluous, and written so that every front end can
show them. That locales/en is what the nodes say is tested in tests/host/test_locales.py."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "locales"
FILES = ("main.json", "nodeDefs.json")
LANGUAGES = ("en", "zh")
CJK = re.compile(r"[\u4e00-\u9fff]")
# What stays as it is in every language: names of inputs and files, patterns, examples in quotes, numbers.
KEPT = re.compile(r"\w+_\w+|%\w+%|\[\w+\]|\*\.[\w.]+|'[^' ][^']*'(?!\w)|\d+(?:\.\d+)?")
READ_BY_THE_FRONT_END = set("@{}|$")
SEARCHED = {
    "prompt to prompt": "P2PTextEncode",
    "p2p": "P2PApply",
    "cross attention control": "P2PApply",
    "word swap": "P2PReplaceController",
    "replace": "P2PReplaceController",
    "refine": "P2PRefineController",
    "add words": "P2PRefineController",
    "reweight": "P2PReweightController",
    "fader": "P2PReweightController",
    "move": "P2PMoveController",
    "shift": "P2PMoveController",
    "resize": "P2PMoveController",
    "local blend": "P2PLocalBlend",
    "mask": "P2PLocalBlend",
    "attention guidance": "P2PAttentionGuidance",
    "attention store": "P2PAttentionStore",
    "attention maps": "P2PAttentionMaps",
}


def texts(language: str, file: str) -> dict[tuple[str, ...], str]:
    """Every text by its path of keys."""
    return dict(_leaves((), json.loads((FOLDER / language / file).read_text(encoding="utf-8"))))


def _leaves(path: tuple[str, ...], value) -> Iterator[tuple[tuple[str, ...], str]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for key, part in value.items():
        yield from _leaves((*path, key), part)


ENGLISH, CHINESE = texts("en", "nodeDefs.json"), texts("zh", "nodeDefs.json")
PROSE = [path for path in ENGLISH if path[-1] in ("display_name", "description", "tooltip")]


def name_of(path: tuple[str, ...]) -> str:
    return ".".join(path)


def kept(text: str) -> set[str]:
    """The parts of a text that are not translated; an apostrophe is no quote."""
    return set(KEPT.findall(re.sub(r"(?<=\w)'(?=s\b)|(?<=s)'(?= )", "", text)))


@pytest.mark.parametrize("file", FILES)
def test_a_translation_has_every_text_and_none_that_no_node_has(file):
    english, chinese = texts("en", file), texts("zh", file)
    assert english
    assert sorted(set(english) - set(chinese)) == []
    assert sorted(set(chinese) - set(english)) == []


def test_only_the_files_that_the_host_reads_are_there():
    assert {path.name for path in FOLDER.iterdir()} == set(LANGUAGES)
    for language in LANGUAGES:
        assert {path.name for path in (FOLDER / language).iterdir()} <= {*FILES, "commands.json", "settings.json"}


@pytest.mark.parametrize("path", PROSE, ids=name_of)
def test_prose_is_chinese(path):
    assert CJK.search(CHINESE[path])
    assert CHINESE[path] != ENGLISH[path]


@pytest.mark.parametrize("path", PROSE, ids=name_of)
def test_what_is_not_translated_stays(path):
    if path[-1] != "display_name":
        assert kept(CHINESE[path]) == kept(ENGLISH[path])


@pytest.mark.parametrize("path", [path for path in PROSE if path[-1] == "tooltip"], ids=name_of)
def test_a_tooltip_names_the_choices_as_the_english_one_does(path):
    """The front ends show the values themselves and no translation of them."""
    choices = {other[-1] for other in ENGLISH if other[:-1] == (*path[:-1], "options")}
    named = {choice for choice in choices if re.search(rf"\b{choice}\b", ENGLISH[path])}
    assert {choice for choice in choices if re.search(rf"(?<![a-z]){choice}(?![a-z])", CHINESE[path])} >= named


@pytest.mark.parametrize("path", [path for path in ENGLISH if path[-2] == "options"], ids=name_of)
def test_a_choice_is_still_recognized(path):
    assert CHINESE[path].startswith(path[-1])


@pytest.mark.parametrize(("searched", "node"), SEARCHED.items())
@pytest.mark.parametrize("shown", [ENGLISH, CHINESE], ids=LANGUAGES)
def test_a_display_name_has_the_words_that_people_search_for(shown, searched, node):
    """Front end 1.32.9 searches ids and display names, the latter in the language of the page. Its threshold of 0.3
    with a distance of 100 means that a word is found if it begins within the first 30 letters of a name."""
    name = shown[node, "display_name"].lower()
    for word in searched.split():
        assert 0 <= name.find(word) <= 30


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("file", FILES)
def test_no_text_has_a_sign_that_some_front_ends_take_for_a_command(language, file):
    """vue-i18n reads @ { } | as its own. Front end 1.32.9 has it do that in tooltips too, and newer ones show tooltips
    as they stand, so that no way of writing these signs is right in both."""
    for path, text in texts(language, file).items():
        assert isinstance(text, str), path
        assert text, path
        assert not READ_BY_THE_FRONT_END & set(text), path
        assert "." not in "".join(path), path  # a dot would be a step down
