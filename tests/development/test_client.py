"""The client of the demo, against a small server that speaks ComfyUI's protocol."""

import asyncio
import io

import pytest
from aiohttp import web
from p2p.development import graphs
from p2p.development.client import Client, failure, refusal
from p2p.development.errors import UserError
from PIL import Image

GRAPH = graphs.load("plain")
SAMPLER = graphs.sampler(GRAPH)
DECODER = graphs.find(GRAPH, "VAEDecode")
SUCCESS = [
    ("executing", {"node": SAMPLER}),
    ("progress", {"node": SAMPLER, "value": 1, "max": 2}),
    ("progress", {"node": SAMPLER, "value": 2, "max": 2}),
    ("executing", {"node": DECODER}),
    ("executing", {"node": None}),
]


class StandIn:
    """A server with one connection and a fixed story to tell about every prompt."""

    def __init__(self, story, answer=None):
        self.story = story
        self.answer = answer

    async def websocket(self, request):
        self.socket = web.WebSocketResponse()
        await self.socket.prepare(request)
        await self.socket.send_json({"type": "status", "data": {"status": {}}})
        async for _ in self.socket:
            pass
        return self.socket

    async def prompt(self, request):
        if self.answer:
            return web.json_response(self.answer, status=400)
        self.telling = asyncio.create_task(self.tell())
        return web.json_response({"prompt_id": "this"})

    async def tell(self):
        await self.socket.send_bytes(b"a preview")
        await self.socket.send_json({"type": "executing", "data": {"node": None, "prompt_id": "other"}})
        for kind, data in self.story:
            await asyncio.sleep(0.01)
            await self.socket.send_json({"type": kind, "data": {**data, "prompt_id": "this"}})
        if not self.story:
            await self.socket.close()

    async def history(self, request):
        images = [{"filename": f"{shade}.png", "subfolder": "", "type": "output"} for shade in (10, 20)]
        maps = [{"filename": "30.png", "subfolder": "attention", "type": "output"}]
        outputs = {"7": {"images": images}, "8": {"attention": maps}, "9": {"text": ["no file"]}}
        return web.json_response({"this": {"outputs": outputs}})

    async def view(self, request):
        shade = int(request.query["filename"].split(".")[0])
        data = io.BytesIO()
        Image.new("RGB", (4, 2), (shade,) * 3).save(data, "PNG")
        return web.Response(body=data.getvalue(), content_type="image/png")

    async def run(self):
        """Start, send one graph, and return what the client gives."""
        app = web.Application()
        app.router.add_get("/ws", self.websocket)
        app.router.add_post("/prompt", self.prompt)
        app.router.add_get("/history/this", self.history)
        app.router.add_get("/view", self.view)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with Client(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
                return await client.run(GRAPH, "a run")
        finally:
            await runner.cleanup()


def test_a_run_gives_pictures_and_the_seconds_of_the_sampler(capsys):
    result = asyncio.run(StandIn(SUCCESS).run())
    assert [picture.shape for picture in result.pictures] == [(2, 4, 3)] * 2
    assert [picture[0, 0, 0] for picture in result.pictures] == [10, 20]
    assert list(result.nodes) == ["7"]
    assert [Image.open(io.BytesIO(file)).getpixel((0, 0)) for file in result.files] == [(30, 30, 30)]
    assert 0.02 < result.seconds < 1
    assert "a run" in capsys.readouterr().out


def test_a_failing_node_is_named():
    error = {"node_id": "7", "node_type": "P2PApply", "exception_message": "No word 'fox' here.\n"}
    with pytest.raises(UserError, match=r"^P2PApply \(node 7\) failed: No word 'fox' here\.$"):
        asyncio.run(StandIn([*SUCCESS[:2], ("execution_error", error)]).run())


def test_a_refused_graph_is_explained():
    error = {"message": "Value not in list", "details": "ckpt_name: 'x'"}
    answer = {"error": {}, "node_errors": {"1": {"class_type": "CheckpointLoaderSimple", "errors": [error]}}}
    with pytest.raises(UserError, match=r"CheckpointLoaderSimple \(node 1\): Value not in list: ckpt_name: 'x'\."):
        asyncio.run(StandIn(SUCCESS, answer).run())


def test_a_closed_connection_is_explained():
    with pytest.raises(UserError, match="closed the connection"):
        asyncio.run(StandIn([]).run())


def test_a_missing_file_is_explained(monkeypatch):
    async def missing(self, request):
        return web.Response(status=404)

    monkeypatch.setattr(StandIn, "view", missing)
    with pytest.raises(UserError, match=r"does not give 10\.png"):
        asyncio.run(StandIn(SUCCESS).run())


def test_a_server_that_is_not_there_is_explained():
    async def connect():
        async with Client("http://127.0.0.1:9"):
            pass

    with pytest.raises(UserError, match="does not answer"):
        asyncio.run(connect())


def test_sentences_without_details():
    assert refusal({"error": {"message": "No prompt provided", "details": "No prompt provided"}}).endswith(
        "workflow: No prompt provided."
    )
    assert "it did not say why" in refusal({})
    assert "interrupted" in failure({"node_type": "KSampler", "node_id": "3"})
