"""A server of these tests, asked over HTTP: graphs run to their results or their refusals, and what it holds."""

import hashlib
import io
import itertools
import json
import time
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from p2p.tests.browser.host import BrowserHost
from PIL import Image
from safetensors.torch import load

from .random_graphs import SAVED, Graph

RUN_SECONDS = 300
KEPT = ("attention", "record")  # what a run may save for one that follows
LOOKS = 20  # at a server that is to come to rest, until it is asked anew


@dataclass(frozen=True)
class Refusal:
    """How a graph was refused.

    Attributes:
        before_the_queue: by the validation, else while it ran.
        node_type: of the node that was refused, or that failed.
        kind: of the validation error or the exception.
        sentence: what the user reads.
    """

    before_the_queue: bool
    node_type: str
    kind: str
    sentence: str


class Asked(BrowserHost):
    """A running server that has the probe."""

    def queue(self, prompt: Mapping[str, dict]) -> str | Refusal:
        """Queue a prompt; return its id, or how it was refused before the queue."""
        try:
            return self.json("/prompt", {"prompt": prompt, "client_id": "endurance"})["prompt_id"]
        except urllib.error.HTTPError as error:
            assert error.code == 400, f"HTTP {error.code}: {error.read()[:500]}"
            return _refusal_of(json.loads(error.read()))

    def finished(self, identity: str) -> dict:
        """Wait for the end of a run and return its entry in the history, which is then forgotten."""
        deadline = time.monotonic() + RUN_SECONDS
        while identity not in (history := self.json(f"/history/{identity}")):
            assert time.monotonic() < deadline, f"the run {identity} did not end in {RUN_SECONDS} s"
            time.sleep(0.02)
        self.bytes("/history", {"delete": [identity]})  # the host keeps the graph and outputs of 10,000 runs
        return history[identity]

    def run_or_refusal(self, prompt: Mapping[str, dict]) -> dict | Refusal:
        """The outputs of a run by node id, or how it was refused."""
        identity = self.queue(prompt)
        if isinstance(identity, Refusal):
            return identity
        entry = self.finished(identity)
        if entry["status"]["status_str"] == "success":
            return entry["outputs"]
        return _failure_of(entry["status"]["messages"])

    def results(self, graph: Graph) -> dict[str, str]:
        """Run a drawn graph; return digests of all that it made, by what it is: latents, pictures, attention, records.

        Raises:
            AssertionError: a run failed, with the graph's number and what the server said, or gave no finite numbers.
        """
        digests: dict[str, str] = {}
        saved = ""
        for place, prompt in enumerate(graph.runs):
            outputs = self.run_or_refusal(json.loads(json.dumps(prompt).replace(SAVED, saved)))
            assert not isinstance(outputs, Refusal), f"graph {graph.number} ({graph.title}): {outputs}"
            for node, output in outputs.items():
                made = self._digests(output, graph)
                digests |= {f"{place}:{node} {prompt[node]['class_type']} {what}": one for what, one in made.items()}
                saved = next((_shown_name(entry) for what in KEPT for entry in output.get(what, [])), saved)
        return digests

    def _digests(self, output: Mapping, graph: Graph) -> dict[str, str]:
        found = {}
        for number, entry in enumerate(output.get("latents", [])):
            tensors = load(self.file(entry))
            assert all(tensor.isfinite().all() for tensor in tensors.values()), f"graph {graph.number}: not finite"
            found[f"latent {number}"] = _digest(tensors)
        for number, entry in enumerate(output.get("images", [])):
            pixels = Image.open(io.BytesIO(self.file(entry))).tobytes()  # the file holds the graph too
            found[f"picture {number}"] = hashlib.sha256(pixels).hexdigest()
        for what in KEPT:
            for number, entry in enumerate(output.get(what, [])):
                found[f"{what} {number}"] = _digest(load(self.file(entry)))
        return found

    def at_rest(self) -> dict:
        """What the server holds when it has dropped the results and models of earlier runs."""
        before = None
        for look in itertools.count():
            if look % LOOKS == 0:  # again: a worker that is just about to wait for work overlooks the request
                self.bytes("/free", {"free_memory": True, "unload_models": True})
            time.sleep(0.2)
            state = self.json("/endurance/state")
            if state["asked_to_free"] == 0 and state["tensors"] == before:
                break
            before = None if state["asked_to_free"] else state["tensors"]
        return state


def _shown_name(entry: Mapping) -> str:
    folder = f"{entry['subfolder']}/" if entry.get("subfolder") else ""
    return f"{folder}{entry['filename']} [{entry['type']}]"


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _refusal_of(answer: Mapping) -> Refusal:
    for node in (answer.get("node_errors") or {}).values():
        for error in node["errors"]:
            return Refusal(True, node["class_type"], error["type"], f"{error['message']}: {error['details']}")
    error = answer["error"]
    return Refusal(True, "", error["type"], f"{error['message']}: {error['details']}")


def _failure_of(messages: list) -> Refusal:
    kind, data = messages[-1]
    assert kind == "execution_error", messages[-1]
    return Refusal(False, data["node_type"], data["exception_type"], str(data["exception_message"]).strip())
