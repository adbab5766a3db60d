"""The words of prompts over HTTP, with the host's own tokenizer."""

import asyncio
import sys
from types import SimpleNamespace

import folder_paths
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from p2p.nodes._host import words_route
from p2p.nodes._host.words_route import LONGEST_TEXT, PATH, PromptReader, add_words_route, view_of
from p2p.nodes.record import P2PRecord
from p2p.nodes.record_files import P2PSaveRecord
from p2p.p2p_core.prompt import Prompt

from .graph import SOURCE, empty_latent, outputs, plain_text, sample, text
from .test_record import EXACT


@pytest.fixture
def server(monkeypatch):
    """A server as far as the pack sees it."""
    instance = SimpleNamespace(routes=web.RouteTableDef())
    monkeypatch.setitem(sys.modules, "server", SimpleNamespace(PromptServer=SimpleNamespace(instance=instance)))
    return instance


def asked(server, **request):
    """(status, answer) of one request."""

    async def ask():
        app = web.Application()
        app.add_routes(server.routes)
        async with TestClient(TestServer(app)) as client:
            answer = await client.post(PATH, **request)
            return answer.status, await answer.json()

    return asyncio.run(ask())


def test_words_and_alignment(server):
    add_words_route()
    status, view = asked(server, json={"source": "a photo of a cat", "target": "a photo of a hippopotamus"})
    assert status == 200
    assert [word["phrase"] for word in view["target"]] == ["a#1", "photo", "of", "a#2", "hippopotamus"]
    assert view["target"][4]["tokens"] == [[0, 5], [0, 6], [0, 7]]
    assert view["pairs"][4] == {"change": "replaced", "source": [4], "target": [4]}


def test_a_prompt_alone(server):
    add_words_route()
    status, view = asked(server, json={"target": "a (cat:1.3) at night"})
    assert status == 200 and view["source"][1]["text"] == "cat"
    assert {pair["change"] for pair in view["pairs"]} == {"kept"}


@pytest.fixture
def saved_record(tiny, tmp_path, monkeypatch):
    """The path of a record in the output folder."""
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    model, clip, _ = tiny
    patched, record = outputs(P2PRecord, model=model, **EXACT)
    made = sample(patched, text(clip, SOURCE), plain_text(clip, ""), empty_latent(64, 64), steps=2)
    outputs(P2PSaveRecord, record=record, latent={"samples": made})
    record.replace(None)
    (path,) = tmp_path.rglob("*.safetensors")
    return path


def test_the_prompt_of_a_saved_record(saved_record, server):
    add_words_route()
    chosen = f"records/{saved_record.name} [output]"
    assert asked(server, json={"record": chosen}) == asked(server, json={"target": SOURCE})
    saved_record.write_bytes(saved_record.read_bytes()[:-8])
    status, answer = asked(server, json={"record": chosen})
    assert status == 400 and "is damaged" in answer["error"]


def test_a_record_whose_prompts_are_no_text_is_refused(saved_record, server):
    add_words_route()
    named = f'\\"text\\": \\"{SOURCE}\\"'.encode()
    whole = saved_record.read_bytes()
    assert named in whole
    saved_record.write_bytes(whole.replace(named, b'\\"text\\": 7'.ljust(len(named)), 1))
    status, answer = asked(server, json={"record": f"records/{saved_record.name} [output]"})
    assert status == 400 and "what it says of its prompts cannot be" in answer["error"]


@pytest.mark.parametrize(("request_", "sentence"), [
    ({"json": {"record": 3}}, "The record is no name of a file"),
    ({"json": {"record": "x" * 5000 + ".record.safetensors"}}, "The record is no name of a file"),
    ({"json": {"record": "../x.record.safetensors"}}, "is outside the input folder"),
    ({"json": {"record": "/etc/x.record.safetensors"}}, "is outside the input folder"),
    ({"json": {"record": "x.safetensors"}}, "is no file of this kind"),
    ({"json": {"record": "gone.record.safetensors"}}, "There is no file"),
    ({"json": {}}, "has no target: send the text"),
    ({"json": [1]}, "has no target"),
    ({"json": {"target": 3}}, "has no target"),
    ({"json": {"target": "a", "source": 3}}, "The source is no text"),
    ({"json": {"target": "a", "kind": "blur"}}, 'no kind of edit "blur"'),
    ({"json": {"target": "a" * (LONGEST_TEXT + 1)}}, f"words are shown up to {LONGEST_TEXT} only"),
    ({"data": "{"}, "The request is no JSON"),
])  # fmt: skip
def test_what_cannot_be_answered_is_said_in_a_sentence(server, request_, sentence):
    add_words_route()
    status, answer = asked(server, **request_)
    assert status == 400 and sentence in answer["error"]


def test_no_server_and_the_route_twice(server, monkeypatch):
    add_words_route()
    add_words_route()
    assert [route.path for route in server.routes] == [PATH]
    monkeypatch.delitem(sys.modules, "server")
    add_words_route()  # nothing to add it to


def test_the_tokenizer_is_made_once_and_only_when_it_is_needed(server, monkeypatch):
    made = []
    make = words_route._host_tokenizer
    monkeypatch.setattr(words_route, "_host_tokenizer", lambda: made.append(1) or make())
    add_words_route()
    assert not made
    reader = PromptReader()
    for target in ("a cat", "a dog"):
        view_of(reader, {"target": target, "source": "a cat"})
    assert made == [1]


def test_the_words_are_those_of_the_encoded_prompt(tiny):
    """The route has no checkpoint: its tokenizer must agree with the one of the connected CLIP."""
    _, clip, _ = tiny
    for prompt in ("a photo of a (fluffy cat:1.3), don't 20!", "cat " * 90, "日本 café naïve"):
        encoded: Prompt = text(clip, prompt)[0][1]["p2p_prompt"]
        read = PromptReader().read(prompt)
        assert read.words == encoded.words and read.token_keys == encoded.token_keys
