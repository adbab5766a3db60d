"""Servers that fail on purpose, and what they did, as another program sees it."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from pathlib import Path

import numpy
from p2p.development.host import Host
from p2p.development.server import Server, ServerOptions, running_server
from p2p.tests.browser.host import BrowserHost
from p2p.tests.endurance.faults_graphs import MODEL, Graph, model_alone, node
from PIL import Image
from safetensors.torch import load

NODES = Path(__file__).with_name("faults_nodes.py")
PATIENCE_SECONDS = 240
Results = Mapping[str, bytes]


@dataclass(frozen=True)
class Ended:
    """A run that is over: success, error or interrupted, what was cached, and what was made."""

    outcome: str
    cached: frozenset[str]
    results: Results
    message: dict


@dataclass(frozen=True)
class FaultyServer(BrowserHost):
    """A server with the nodes of ``faults_nodes``."""

    server: Server
    numbers: Iterator[int]

    def queue(self, graph: Graph, client: str = "faults") -> str:
        return self.json("/prompt", {"prompt": graph, "client_id": client})["prompt_id"]

    def ended(self, identity: str) -> Ended:
        """Wait for the end of a run, however it ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while identity not in (history := self.json(f"/history/{identity}")):
            assert time.monotonic() < deadline, f"the run {identity} did not end in {PATIENCE_SECONDS} s"
            time.sleep(0.02)
        entry = history[identity]
        messages = dict(entry["status"]["messages"])
        outcome = next(name for name in ("interrupted", "error", "success") if f"execution_{name}" in messages)
        cached = frozenset(messages.get("execution_cached", {}).get("nodes", ()))
        return Ended(outcome, cached, self._results(entry["outputs"]), messages[f"execution_{outcome}"])

    def made(self, graph: Graph, client: str = "faults") -> Results:
        """What a graph makes in a run that samples."""
        ended = self.ended(self.queue(graph, client))
        assert ended.outcome == "success", ended.message
        assert not any(kind["class_type"] == "KSampler" and name in ended.cached for name, kind in graph.items())
        return ended.results

    def interrupt(self) -> None:
        self.bytes("/interrupt", {})

    def probe(self) -> dict:
        """What is alive in the server and on the model that its graphs share; results of earlier runs are let go."""
        self.bytes("/history", {"clear": True})
        graph = {**model_alone(), "probe": node("FaultsProbe", model=[MODEL, 0], number=next(self.numbers))}
        identity = self.queue(graph)
        return json.loads(self.outputs(identity)["probe"]["text"][0])

    def _results(self, outputs: dict) -> Results:
        files = [
            (f"{name} {kind} {place}", entry)
            for name, output in outputs.items()
            for kind, entries in output.items()
            for place, entry in enumerate(entries)
            if isinstance(entry, dict) and "filename" in entry
        ]
        return {name: _content(entry["filename"], self.file(entry)) for name, entry in files}


def _content(name: str, data: bytes) -> bytes:
    """What a file holds, less the graph that the host writes into it."""
    if name.endswith(".latent"):
        return load(data)["latent_tensor"].numpy().tobytes()
    if name.endswith(".png"):
        return numpy.asarray(Image.open(BytesIO(data))).tobytes()
    return data


@contextlib.contextmanager
def faulty_server(host: Host, folder: Path, arguments: tuple[str, ...] = ()) -> Iterator[FaultyServer]:
    """Start a server in the folder, which may be one that another server left."""
    nodes = folder / "custom_nodes"
    nodes.mkdir(parents=True, exist_ok=True)
    shutil.copy(NODES, nodes / "p2p_faults.py")
    with running_server(host, ServerOptions(folder, cpu=True, arguments=arguments)) as server:
        yield FaultyServer(server.url, folder, server, count(1))


def differing(found: Results, expected: Results) -> list[str]:
    """The names of results that are not equal to the bit, or that one side lacks; of no results at all, all."""
    assert expected, "a graph that makes nothing shows nothing"
    return sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
