"""A running ComfyUI: what it says of its nodes, and the pictures it makes."""

import io
import json
import time
import urllib.parse
import urllib.request

from PIL import Image

WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}


class Nodes:
    """What a host says of its nodes: their fields in the order in which workflows save them."""

    def __init__(self, object_info: dict) -> None:
        self._info = object_info

    def inputs(self, kind: str) -> list[tuple[str, str, bool]]:
        """(name, type, is a text of several lines) of every input, sockets before widgets."""
        typed = [
            (name, "COMBO" if isinstance(field[0], list) else field[0], bool(field[1:] and field[1].get("multiline")))
            for name, field in self._fields(kind)
        ]
        return sorted(typed, key=lambda field: field[1] in WIDGETS)

    def outputs(self, kind: str) -> list[tuple[str, str]]:
        """(name, type) of every output."""
        info = self._info[kind]
        return list(zip(info["output_name"], info["output"], strict=True))

    def with_defaults(self, entry: dict) -> dict:
        """The node of an API graph with every widget set: the front end saves them all."""
        defaults = {
            name: field[1]["default"]
            for name, field in self._fields(entry["class_type"])
            if field[1:] and "default" in field[1]
        }
        return {**entry, "inputs": {**defaults, **entry["inputs"]}}

    def _fields(self, kind: str) -> list[tuple[str, list]]:
        info = self._info[kind]
        sections = [name for name in ("required", "optional") if name in info["input"]]
        return [(name, info["input"][section][name]) for section in sections for name in info["input_order"][section]]


class Server:
    """A running ComfyUI."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def nodes(self) -> Nodes:
        return Nodes(self._json("/object_info"))

    def pictures(self, graph: dict) -> list[Image.Image]:
        """What the graph saves or shows, in order."""
        # Without a client's name the host leaves out the pictures that it has from an earlier run.
        identity = self._json("/prompt", {"prompt": graph, "client_id": "make_templates"})["prompt_id"]
        while identity not in (history := self._json(f"/history/{identity}")):
            time.sleep(0.5)
        if history[identity]["status"]["status_str"] != "success":
            raise SystemExit(f"The workflow failed: {history[identity]['status']['messages'][-1]}")
        outputs = history[identity]["outputs"]
        entries = [entry for node in sorted(outputs, key=int) for entry in outputs[node].get("images", [])]
        return [self._picture(entry) for entry in entries]

    def _json(self, path: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(self._url + path, json.dumps(body).encode() if body else None)
        with self._open(request, timeout=60) as reply:
            return json.load(reply)

    def _picture(self, entry: dict) -> Image.Image:
        with self._open(f"{self._url}/view?{urllib.parse.urlencode(entry)}", timeout=60) as reply:
            return Image.open(io.BytesIO(reply.read())).convert("RGB")
