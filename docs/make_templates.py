"""Makes the example workflows for the browser, and their thumbnails, from those for the HTTP API.

Every template shows the graph of its twin in example_workflows/api with a note beside it (docs/template_notes). What
sockets and widgets a node has is asked of a running ComfyUI, which also makes the pictures of the thumbnails.

python3 dev.py serve --port 8188
.venv/bin/python docs/make_templates.py http://127.0.0.1:8188
"""

import argparse
import io
import json
import re
import time
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = ROOT / "example_workflows"
NOTES = ROOT / "docs" / "template_notes"
OLDEST_CORE = "0.3.75"

WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
PICTURES = 2  # of each prompt: one shows the edit, a second that it was no accident

COLUMNS = {
    "Model and size": ("P2PMiniSDXL", "EmptyLatentImage"),
    "Prompts": ("P2PTextEncode", "CLIPTextEncode"),
    "Prompt-to-Prompt": (
        "P2PReplaceController",
        "P2PRefineController",
        "P2PReweightController",
        "P2PMoveController",
        "P2PLocalBlend",
        "P2PCombine",
        "P2PApply",
        "P2PAttentionStore",
    ),
    "Sampling: stock nodes": ("KSampler", "VAEDecode"),
    "Result": ("P2PAttentionMaps", "SaveImage", "PreviewImage"),
}
WIDTHS = {"Model and size": 300, "Prompts": 360, "Prompt-to-Prompt": 340, "Sampling: stock nodes": 300, "Result": 420}
NOTE_WIDTH, GAP, FRAME, TOP = 400, 60, 20, 40
TITLE_ROW, SOCKET_ROW, WIDGET_ROW, TEXT_ROWS, PICTURE_ROWS = 30, 20, 24, 100, 420
THUMBNAIL, SEAM = 256, 10


class Nodes:
    """What a host says of its nodes: their fields in the order in which workflows save them."""

    def __init__(self, object_info: dict) -> None:
        self._info = object_info

    def inputs(self, kind: str) -> list[tuple[str, str, bool]]:
        """(name, type, is a text of several lines) of every input, sockets before widgets."""
        info = self._info[kind]
        sections = [name for name in ("required", "optional") if name in info["input"]]
        fields = [(name, info["input"][section][name]) for section in sections for name in info["input_order"][section]]
        typed = [
            (name, "COMBO" if isinstance(field[0], list) else field[0], bool(field[1:] and field[1].get("multiline")))
            for name, field in fields
        ]
        return sorted(typed, key=lambda field: field[1] in WIDGETS)

    def outputs(self, kind: str) -> list[tuple[str, str]]:
        """(name, type) of every output."""
        info = self._info[kind]
        return list(zip(info["output_name"], info["output"], strict=True))


def template(name: str, graph: dict, nodes: Nodes, version: str) -> dict:
    """The workflow as the front end saves it."""
    links = _links(graph, nodes)
    parts = [_node(identity, entry, nodes, links, version) for identity, entry in graph.items()]
    groups = _arrange(parts)
    note = _note(name, max(int(identity) for identity in graph) + 1)
    ordered = [note, *sorted(parts, key=lambda part: part["pos"])]
    for order, part in enumerate(ordered):
        part["order"] = order
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"prompt-to-prompt/{name}")),
        "revision": 0,
        "last_node_id": note["id"],
        "last_link_id": len(links),
        "nodes": ordered,
        "links": links,
        "groups": groups,
        "config": {},
        "extra": {"ds": {"scale": 0.75, "offset": [110, 220]}, "workflowRendererVersion": "LG"},
        "version": 0.4,
    }


def _links(graph: dict, nodes: Nodes) -> list[list]:
    """[number, from node, output, to node, input, type] of every connection."""
    found = []
    for identity, entry in graph.items():
        for place, (name, kind, _) in enumerate(nodes.inputs(entry["class_type"])):
            value = entry["inputs"].get(name)
            if isinstance(value, list):
                found.append([len(found) + 1, int(value[0]), value[1], int(identity), place, kind])
    return found


def _node(identity: str, entry: dict, nodes: Nodes, links: list[list], version: str) -> dict:
    kind, given = entry["class_type"], entry["inputs"]
    incoming = {(link[3], link[4]): link[0] for link in links}
    inputs, values, height = [], [], TITLE_ROW
    for place, (name, field_kind, is_long) in enumerate(nodes.inputs(kind)):
        widget = {"widget": {"name": name}} if field_kind in WIDGETS else {}
        inputs.append({"name": name, "type": field_kind, **widget, "link": incoming.get((int(identity), place))})
        if widget:
            values += [given[name], *(["fixed"] if name == "seed" else [])]
            height += TEXT_ROWS if is_long else WIDGET_ROW * (2 if name == "seed" else 1)
    outputs = [
        {"name": name, "type": field_kind, "links": [link[0] for link in links if link[1:3] == [int(identity), place]]}
        for place, (name, field_kind) in enumerate(nodes.outputs(kind))
    ]
    sockets = max(len(inputs) - sum("widget" in field for field in inputs), len(outputs))
    is_ours = kind.startswith("P2P")
    return {
        "id": int(identity),
        "type": kind,
        "pos": [0, 0],
        "size": [0, height + SOCKET_ROW * sockets + (PICTURE_ROWS if kind.endswith("Image") and not outputs else 0)],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": inputs,
        "outputs": outputs,
        "title": entry["_meta"]["title"],
        "properties": {
            "cnr_id": "prompt-to-prompt" if is_ours else "comfy-core",
            "ver": version if is_ours else OLDEST_CORE,
            "Node name for S&R": kind,
        },
        "widgets_values": values,
    }


def _arrange(parts: list[dict]) -> list[dict]:
    """Sets place and width of every node, column by column, and returns the groups around the columns."""
    left, columns = NOTE_WIDTH + GAP, []
    for title, kinds in COLUMNS.items():
        column = sorted((part for part in parts if part["type"] in kinds), key=lambda part: kinds.index(part["type"]))
        top = TOP
        for part in column:
            part["pos"], part["size"][0] = [left, top], WIDTHS[title]
            top += part["size"][1] + GAP
        columns.append((title, left, top))
        left += WIDTHS[title] + GAP
    bottom = max(top for _, _, top in columns) - GAP
    return [
        {
            "id": number,
            "title": title,
            "bounding": [left - FRAME, -TOP, WIDTHS[title] + 2 * FRAME, bottom + TOP + FRAME],
            "color": "#3f789e",
            "font_size": 24,
            "flags": {},
        }
        for number, (title, left, _) in enumerate(columns, 1)
    ]


def _note(name: str, identity: int) -> dict:
    text = "\n\n".join((NOTES / f"{part}.md").read_text(encoding="utf-8").strip() for part in (name, "own_checkpoint"))
    return {
        "id": identity,
        "type": "MarkdownNote",
        "pos": [0, 0],
        "size": [NOTE_WIDTH, 560],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "title": "Read me",
        "properties": {},
        "widgets_values": [text],
    }


class Server:
    """A running ComfyUI."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def json(self, path: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(self._url + path, json.dumps(body).encode() if body else None)
        with self._open(request, timeout=60) as reply:
            return json.load(reply)

    def pictures(self, graph: dict) -> list[Image.Image]:
        """What the graph saves or shows, in order."""
        # Without a client's name the host leaves out the pictures that it has from an earlier run.
        identity = self.json("/prompt", {"prompt": graph, "client_id": "make_templates"})["prompt_id"]
        while identity not in (history := self.json(f"/history/{identity}")):
            time.sleep(0.5)
        if history[identity]["status"]["status_str"] != "success":
            raise SystemExit(f"The workflow failed: {history[identity]['status']['messages'][-1]}")
        entries = [entry for output in history[identity]["outputs"].values() for entry in output["images"]]
        return [self._picture(entry) for entry in entries]

    def _picture(self, entry: dict) -> Image.Image:
        with self._open(f"{self._url}/view?{urllib.parse.urlencode(entry)}", timeout=60) as reply:
            return Image.open(io.BytesIO(reply.read())).convert("RGB")


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a ComfyUI with this pack")
    parser.add_argument("names", nargs="*", help="which templates (default: all that have a note)")
    options = parser.parse_args()
    server = Server(options.url)
    nodes = Nodes(server.json("/object_info"))
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    for name in options.names or sorted(path.stem for path in NOTES.glob("*.md") if path.stem != "own_checkpoint"):
        graph = json.loads((WORKFLOWS / "api" / f"{name}.json").read_text(encoding="utf-8"))
        workflow = template(name, with_batch(graph, PICTURES), nodes, version)
        text = json.dumps(workflow, indent=2, ensure_ascii=False)
        (WORKFLOWS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        thumbnail(server.pictures(with_batch(graph, 1))).save(WORKFLOWS / f"{name}.jpg", quality=88)
        print(f"{name}: written")


if __name__ == "__main__":
    main()
