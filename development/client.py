"""Talks to a running ComfyUI as any program would: its HTTP API and its websocket."""

import io
import json
import time
import uuid
from dataclasses import dataclass

import aiohttp
import numpy
from PIL import Image

from .errors import UserError
from .graphs import Graph, sampler
from .progress_bar import ProgressBar


@dataclass(frozen=True)
class Result:
    """What one run gave.

    Attributes:
        nodes: the pictures (h, w, 3) of bytes of every node that shows or saves some.
        seconds: what the sampling node took.
        files: what P2P Save Attention wrote.
    """

    nodes: dict[str, list[numpy.ndarray]]
    seconds: float
    files: list[bytes]

    @property
    def pictures(self) -> list[numpy.ndarray]:
        """Return the pictures of all nodes."""
        return [picture for pictures in self.nodes.values() for picture in pictures]


class Client:
    """A session with one server; use it as an async context manager."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._identity = uuid.uuid4().hex

    async def __aenter__(self) -> "Client":
        self._session = aiohttp.ClientSession(self._url)
        try:
            self._socket = await self._session.ws_connect(f"/ws?clientId={self._identity}", max_msg_size=0)
        except aiohttp.ClientError as error:
            await self._session.close()
            raise UserError(f"ComfyUI at {self._url} does not answer: {error}.") from error
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._socket.close()
        await self._session.close()

    async def get_json(self, path: str) -> dict:
        """Return the JSON of one address."""
        async with self._session.get(path) as reply:
            return await reply.json()

    async def run(self, graph: Graph, label: str) -> Result:
        """Queue the graph, show the progress of its sampling, and return its pictures."""
        identity = await self._queue(graph)
        bar = ProgressBar(label)
        try:
            seconds = await self._follow(identity, sampler(graph), bar)
        except BaseException:
            bar.abandon()
            raise
        bar.finish(f"{seconds:.1f} s")
        outputs = (await self.get_json(f"/history/{identity}"))[identity]["outputs"]
        nodes = {
            node: [_picture(await self._file(entry)) for entry in output["images"]]
            for node, output in outputs.items()
            if "images" in output
        }
        files = [await self._file(entry) for output in outputs.values() for entry in output.get("attention", [])]
        return Result(nodes, seconds, files)

    async def _queue(self, graph: Graph) -> str:
        async with self._session.post("/prompt", json={"prompt": graph, "client_id": self._identity}) as reply:
            answer = await reply.json()
            if reply.status != 200:
                raise UserError(refusal(answer))
            return answer["prompt_id"]

    async def _follow(self, identity: str, sampling_node: str, bar: ProgressBar) -> float:
        """Wait for the end of the run; return the seconds between the begin and the end of its sampling node."""
        begun = ended = 0.0
        current = None
        async for message in self._socket:
            if message.type != aiohttp.WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            kind, data = event["type"], event.get("data", {})
            if data.get("prompt_id") != identity:
                continue
            if kind in ("execution_error", "execution_interrupted"):
                raise UserError(failure(data))
            if kind == "progress" and data["node"] == sampling_node:
                bar.update(data["value"], data["max"])
            elif kind == "executing":
                now = time.perf_counter()
                begun = now if data["node"] == sampling_node else begun
                ended = now if current == sampling_node else ended
                current = data["node"]
                if current is None:
                    return ended - begun
        raise UserError("ComfyUI closed the connection during a run.")

    async def _file(self, entry: dict) -> bytes:
        async with self._session.get("/view", params=entry) as reply:
            if reply.status != 200:
                raise UserError(f"ComfyUI does not give {entry.get('filename')} of its own run (HTTP {reply.status}).")
            return await reply.read()


def _picture(data: bytes) -> numpy.ndarray:
    return numpy.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def refusal(answer: dict) -> str:
    """Say in one sentence why the server did not accept a graph."""
    for identity, node in (answer.get("node_errors") or {}).items():
        for error in node["errors"]:
            return f"ComfyUI refused {node['class_type']} (node {identity}): {_joined(error)}."
    return f"ComfyUI refused the workflow: {_joined(answer.get('error') or {})}."


def _joined(error: dict) -> str:
    parts = [str(error.get(name) or "").strip().rstrip(".") for name in ("message", "details")]
    return ": ".join(dict.fromkeys(part for part in parts if part)) or "it did not say why"


def failure(data: dict) -> str:
    """Say in one sentence which node failed, and why."""
    node = f"{data.get('node_type')} (node {data.get('node_id')})"
    message = str(data.get("exception_message", "the run was interrupted")).strip().rstrip(".")
    return f"{node} failed: {message}."
