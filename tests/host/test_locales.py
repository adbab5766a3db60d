"""locales/en is what the nodes say; the translations are compared with it in tests/test_locales.py."""

import asyncio
import json
from pathlib import Path

from p2p.docs.make_locales import category_texts, node_texts
from p2p.nodes import PromptToPromptExtension

FOLDER = Path(__file__).resolve().parents[2] / "locales" / "en"
INFOS = [node.GET_NODE_INFO_V1() for node in asyncio.run(PromptToPromptExtension().get_node_list())]


def read(name: str) -> dict:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def test_the_english_texts_are_those_of_the_nodes():
    """After a change: docs/make_locales.py."""
    assert read("nodeDefs.json") == {info["name"]: node_texts(info) for info in INFOS}


def test_the_categories_are_those_of_the_nodes():
    assert read("main.json") == {"nodeCategories": category_texts({info["category"] for info in INFOS})}
