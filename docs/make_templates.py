"""Makes the example workflows for the browser, and their thumbnails, from those for the HTTP API.

Every workflow in example_workflows/api that has a note in docs/template_notes becomes two templates: NAME_mini.json,
the same graph, which runs as it is with the embedded model, and NAME.json, the graph with an SDXL checkpoint in the
embedded model's place. What sockets and widgets a node has is asked of a running ComfyUI, which also makes the pictures
of the thumbnails, with the embedded model.

python3 dev.py serve --port 8188
.venv/bin/python docs/make_templates.py http://127.0.0.1:8188
"""

import argparse
import json
import re
import uuid
from pathlib import Path

from PIL import Image
from workflow_files.checkpoint import WORDS, for_checkpoint
from workflow_files.graph import links_of, nodes_of
from workflow_files.host import Nodes, Server
from workflow_files.layout import arrange, note

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = ROOT / "example_workflows"
NOTES = ROOT / "docs" / "template_notes"
FOR_CHECKPOINT, FOR_MINI = "_checkpoint", "_mini"
PICTURES = 2  # of each prompt of the embedded model: one shows the edit, a second that it was no accident
ONE_PAIR = {"attention_maps", "with_controlnet"}  # one pair says more than two
THUMBNAIL, SEAM = 256, 10
SCALE, OFFSET = 0.55, [60, 160]  # of the view in which a template opens


def template(name: str, graph: dict, text: str, nodes: Nodes, version: str) -> dict:
    """The workflow as the front end saves it."""
    links = links_of(graph, nodes)
    parts = nodes_of(graph, links, nodes, version)
    groups = arrange(parts)
    ordered = [note(max(part["id"] for part in parts) + 1, text), *sorted(parts, key=lambda part: part["pos"])]
    for order, part in enumerate(ordered):
        part["order"] = order
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"prompt-to-prompt/{name}")),
        "revision": 0,
        "last_node_id": ordered[0]["id"],
        "last_link_id": len(links),
        "nodes": ordered,
        "links": links,
        "groups": groups,
        "config": {},
        "extra": {"ds": {"scale": SCALE, "offset": OFFSET}, "workflowRendererVersion": "LG"},
        "version": 0.4,
    }


def note_text(name: str, suffix: str) -> str:
    """What the note of a template says: the template's own words, then those of all with this kind of model."""
    words = WORDS[name] if suffix == FOR_CHECKPOINT else {}
    files = [NOTES / f"{name}.md", NOTES / f"{name}{suffix}.md", NOTES / f"{suffix}.md"]
    text = "\n\n".join(path.read_text(encoding="utf-8").strip() for path in files if path.exists())
    return re.sub(r"\{(.+?)\}", lambda word: words.get(word[1], word[1]), text.replace("{template}", name))


def thumbnail(pictures: list[Image.Image]) -> Image.Image:
    """Pictures of one height side by side."""
    scaled = [
        picture.resize((round(picture.width * THUMBNAIL / picture.height), THUMBNAIL), Image.Resampling.BICUBIC)
        for picture in pictures
    ]
    sheet = Image.new("RGB", (sum(part.width for part in scaled) + SEAM * (len(scaled) - 1), THUMBNAIL), "white")
    left = 0
    for part in scaled:
        sheet.paste(part, (left, 0))
        left += part.width + SEAM
    return sheet


def with_batch(graph: dict, pictures: int) -> dict:
    """The graph with so many pictures of every prompt."""
    sizes = {"EmptyLatentImage": {"batch_size": pictures}}
    return {
        identity: {**entry, "inputs": {**entry["inputs"], **sizes.get(entry["class_type"], {})}}
        for identity, entry in graph.items()
    }


def write(name: str, workflow: dict) -> None:
    text = json.dumps(workflow, indent=2, ensure_ascii=False)
    (WORKFLOWS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a ComfyUI with this pack")
    parser.add_argument("names", nargs="*", help="which templates (default: all)")
    parser.add_argument("--no-thumbnails", action="store_true", help="leave the pictures as they are")
    options = parser.parse_args()
    server = Server(options.url)
    nodes = server.nodes()
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    for name in options.names or WORDS:
        graph = json.loads((WORKFLOWS / "api" / f"{name}.json").read_text(encoding="utf-8"))
        mini = with_batch(graph, 1 if name in ONE_PAIR else PICTURES)
        write(f"{name}_mini", template(f"{name}_mini", mini, note_text(name, FOR_MINI), nodes, version))
        full = for_checkpoint(name, graph)
        write(name, template(name, full, note_text(name, FOR_CHECKPOINT), nodes, version))
        if not options.no_thumbnails:
            sheet = thumbnail(server.pictures(with_batch(graph, 1)))
            for stem in (name, f"{name}_mini"):
                sheet.save(WORKFLOWS / f"{stem}.jpg", quality=88)
        print(f"{name}: written")


if __name__ == "__main__":
    main()
