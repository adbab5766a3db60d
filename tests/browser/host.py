"""The real ComfyUI that the pages of these tests are from, seen from outside the browser."""

import json
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy
import torch
from p2p.tests.template_files import TEMPLATES, read_json
from PIL import Image
from safetensors.torch import load

RUN_SECONDS = 180


@dataclass(frozen=True)
class BrowserHost:
    """A running server. ``folder`` is its base directory: models, user, input, output."""

    url: str
    folder: Path

    def bytes(self, path: str, body: object = None) -> bytes:
        """Return what an address answers; with a body it is posted as JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"} if data else {})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
            return reply.read()

    def json(self, path: str, body: object = None) -> dict:
        return json.loads(self.bytes(path, body))

    def settings(self, **values: object) -> None:
        """Store settings of the front end; a page knows them from its next load on. ``__`` stands for a dot."""
        self.bytes("/settings", {name.replace("__", "."): value for name, value in values.items()})

    def forget(self) -> None:
        """Make the server forget the results of earlier runs, so that the next run computes everything."""
        self.bytes("/free", {"free_memory": True})

    def run(self, prompt: dict) -> dict:
        """Queue a graph in API format and return the outputs by node id."""
        # Without a client's name the host leaves out the pictures that it has from an earlier run.
        identity = self.json("/prompt", {"prompt": prompt, "client_id": "browser_tests"})["prompt_id"]
        return self.outputs(identity)

    def outputs(self, identity: str) -> dict:
        """Wait for the end of a run and return its outputs by node id."""
        deadline = time.monotonic() + RUN_SECONDS
        while identity not in (history := self.json(f"/history/{identity}")):
            assert time.monotonic() < deadline, f"the run {identity} did not end in {RUN_SECONDS} s"
            time.sleep(0.1)
        status = history[identity]["status"]
        assert status["status_str"] == "success", status["messages"][-1]
        return history[identity]["outputs"]

    def file(self, entry: dict) -> bytes:
        """Return a file of a run's outputs."""
        return self.bytes(f"/view?{urllib.parse.urlencode(entry)}")

    def latents(self, outputs: dict) -> list[torch.Tensor]:
        """Return what every SaveLatent of a run wrote, in the order of the node ids."""
        entries = [entry for _, output in _by_node(outputs) for entry in output.get("latents", [])]
        return [load(self.file(entry))["latent_tensor"] for entry in entries]

    def pictures(self, outputs: dict) -> list[numpy.ndarray]:
        """Return the pictures (h, w, 3) of bytes of every node of a run, in the order of the node ids."""
        entries = [entry for _, output in _by_node(outputs) for entry in output.get("images", [])]
        return [numpy.asarray(Image.open(BytesIO(self.file(entry))).convert("RGB")) for entry in entries]


def _by_node(outputs: dict) -> list[tuple[str, dict]]:
    """In the order of the ids as numbers."""
    return sorted(outputs.items(), key=lambda item: [int(part) if part.isdigit() else 0 for part in item[0].split(":")])


def with_saved_latents(prompt: dict) -> dict:
    """Return the graph with a SaveLatent for everything that is decoded; ids follow the order of the decoders."""
    first = max(int(identity.split(":")[0]) for identity in prompt) + 1000
    samples = [node["inputs"]["samples"] for _, node in _by_node(prompt) if node["class_type"] == "VAEDecode"]
    savers = {
        str(first + place): {"class_type": "SaveLatent", "inputs": {"samples": source, "filename_prefix": "browser"}}
        for place, source in enumerate(samples)
    }
    return {**prompt, **savers}


def with_inputs(prompt: dict, **changes: dict) -> dict:
    """Return the graph with other input values: class of node = {input: value}."""
    return {
        identity: {**node, "inputs": {**node["inputs"], **changes.get(node["class_type"], {})}}
        for identity, node in prompt.items()
    }


def make_model_files(folder: Path) -> None:
    """Make empty files of the models that templates name, so that the front end does not miss them."""
    for path in TEMPLATES:
        for node in _all_nodes(read_json(path)):
            for model in node.get("properties", {}).get("models", []):
                file = folder / "models" / model["directory"] / model["name"]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()


def _all_nodes(workflow: dict) -> list[dict]:
    inside = workflow.get("definitions", {}).get("subgraphs", [])
    return [*workflow["nodes"], *(node for graph in inside for node in graph["nodes"])]
