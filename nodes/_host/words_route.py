"""``POST /prompt_to_prompt/words``: the words of prompts and their alignment, for the browser, before anything has run.

The words are those of SDXL's own tokenizer, which every SDXL and SD 1.5 checkpoint shares: which one is loaded is not
known before a run.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Mapping

from ...p2p_core.errors import P2PError
from ...p2p_core.prompt import Prompt
from ...p2p_core.record_facts import refuse_wrong_facts
from ...p2p_core.record_files import SUFFIX, load_head
from ...p2p_core.word_view import word_view
from .files import chosen_file
from .text import prompt_of_tokens, tokenized

PATH = "/prompt_to_prompt/words"
LONGEST_TEXT = 3000  # characters: more words than anyone looks at, answered in a tenth of a second
LONGEST_NAME = 1000  # characters of a record's path
LARGEST_REQUEST = 2**17  # bytes: two such texts, should JSON write every character as \\u and four digits
_NO_JSON = "The request is no JSON: send {target, source, kind} or {record}."


def add_words_route() -> None:
    """Nothing where there is no server, or where it has the route. The module is looked up as in ``browser``."""
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is None or any(getattr(route, "path", None) == PATH for route in server.routes):
        return
    from aiohttp import web

    reader = PromptReader()

    @server.routes.post(PATH)
    async def words(request):
        try:
            body = await _body(request)
            view = await asyncio.get_running_loop().run_in_executor(None, view_of, reader, _read_json(body))
        except P2PError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(view)


async def _body(request) -> bytes:
    """What was sent, of which no more is read than a request may have: the host takes 100 MB.

    Raises:
        P2PError: it is longer.
    """
    body = b""
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > LARGEST_REQUEST:
            raise P2PError(f"The request has more than {LARGEST_REQUEST} bytes: send two prompts, and nothing else.")
    return body


def _read_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:  # ValueError: also what is no UTF-8, and numbers of 5,000 digits
        raise P2PError(_NO_JSON) from error


class PromptReader:
    """Reads prompts with the host's tokenizer, which is made when the first one is read: that takes a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokenizer = None

    def read(self, text: str) -> Prompt:
        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = _host_tokenizer()
        encoders = {"g": self._tokenizer.clip_g, "l": self._tokenizer.clip_l}
        widths = {name: encoder.embedding_size for name, encoder in encoders.items()}
        return prompt_of_tokens(text, tokenized(self._tokenizer.tokenize_with_weights, text), encoders, widths)


def _host_tokenizer():
    import folder_paths
    from comfy.sdxl_clip import SDXLTokenizer

    return SDXLTokenizer(embedding_directory=folder_paths.get_folder_paths("embeddings"))


def view_of(reader: PromptReader, asked) -> dict:
    """What is answered to ``{"target": text, "source": text or nothing, "kind": "replace" or "refine"}``, or to
    ``{"record": name of a file}``: the words of the first prompt of a saved record.

    Raises:
        P2PError: what was asked is of another form, a text is too long, or there is no such record.
    """
    if isinstance(asked, Mapping) and "record" in asked:
        asked = {"target": _recorded_prompt(asked["record"])}
    if not isinstance(asked, Mapping) or not isinstance(asked.get("target"), str):
        raise P2PError("The request has no target: send the text of the edited prompt as target.")
    target = _checked(asked["target"], "target")
    source = target if asked.get("source") is None else _checked(asked["source"], "source")
    kind = asked.get("kind", "replace")
    if not isinstance(kind, str):
        raise P2PError("The kind is no text: send replace or refine.")
    read = {text: reader.read(text) for text in dict.fromkeys((source, target))}
    return word_view(read[source], read[target], kind)


def _recorded_prompt(name) -> str:
    """Read off the head of its file, whose tensors may be gigabytes."""
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise P2PError("The record is no name of a file: send one that P2P Load Record offers.")
    path = chosen_file(name, SUFFIX)
    head = load_head(path)
    refuse_wrong_facts(path.name, head.facts, head.small)
    return head.facts["prompts"][0]["text"]


def _checked(text, name: str) -> str:
    if not isinstance(text, str):
        raise P2PError(f"The {name} is no text: send the prompt as a string.")
    if len(text) > LONGEST_TEXT:
        raise P2PError(
            f"The {name} prompt has {len(text)} characters, and its words are shown up to {LONGEST_TEXT} only. "
            "Type the words that you mean."
        )
    return text
