"""Writes the English texts of the nodes, locales/en, as a running ComfyUI tells them.

Translations are written by hand beside them; tests/test_locales.py says what is missing in one.

python3 dev.py serve --port 8188
python docs/make_locales.py http://127.0.0.1:8188
"""

import argparse
import json
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "locales" / "en"
PACK = "prompt-to-prompt"
# What can be chosen there is not known before.
CHOOSES_A_FILE = {("P2PLoadAttention", "file"), ("P2PLoadRecord", "file")}


def node_texts(info: Mapping) -> dict:
    """What the front end shows of a node, in the form of nodeDefs.json.

    Args:
        info: of the node, as in the host's object_info.
    """
    fields = {name: field for section in ("required", "optional") for name, field in _section(info, section)}
    outputs = zip(info["output_name"], info["output_tooltips"], strict=True)
    return {
        "display_name": info["display_name"],
        "description": info["description"],
        "inputs": {name: _input_texts(info["name"], name, field) for name, field in fields.items()},
        "outputs": {str(place): {"name": name, "tooltip": tip} for place, (name, tip) in enumerate(outputs)},
    }


def category_texts(categories: Iterable[str]) -> dict[str, str]:
    """Every part of the nodes' categories by itself, in the form of main.json."""
    return {part: part for category in sorted(categories) for part in category.split("/")}


def _section(info: Mapping, section: str) -> Iterable:
    return info["input"].get(section, {}).items()


def _input_texts(node: str, name: str, field: list) -> dict:
    kind, settings = field[0], field[1] if len(field) > 1 else {}
    choices = kind if isinstance(kind, list) else settings.get("options", [])
    texts = {"name": name, "tooltip": settings.get("tooltip", "")}
    if choices and (node, name) not in CHOOSES_A_FILE:
        texts["options"] = {choice: choice for choice in choices}
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a ComfyUI with this pack")
    with urllib.request.urlopen(f"{parser.parse_args().url}/object_info") as answer:
        nodes = {name: info for name, info in json.load(answer).items() if info["category"].split("/")[0] == PACK}
    FOLDER.mkdir(parents=True, exist_ok=True)
    _write("nodeDefs.json", {name: node_texts(info) for name, info in nodes.items()})
    _write("main.json", {"nodeCategories": category_texts({info["category"] for info in nodes.values()})})


def _write(name: str, texts: dict) -> None:
    (FOLDER / name).write_text(json.dumps(texts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
