"""Telling the front end something while a graph runs."""

import sys
from collections.abc import Mapping


def browser_listens() -> bool:
    """Whether there is anybody to tell: a server, and a client that asked for the graph that runs."""
    return _listened_to() is not None


def own_id(node) -> str | None:
    """By which id the browser knows a node that declares ``io.Hidden.unique_id``: "7", or "3:7" inside a subgraph.

    None where the node was called without a server.
    """
    return None if node.hidden is None else node.hidden.unique_id


def tell_browser(event: str, data: Mapping) -> None:
    """Sends ``prompt_to_prompt.<event>`` to the client whose graph runs; nothing where there is no server.

    ``data`` must be what JSON can hold. The host's ``send_sync`` hands it to the server's own thread and returns at
    once (0.3.75). The module is looked up and not imported: where no server runs, importing it would make none.
    """
    server = _listened_to()
    if server is not None:
        server.send_sync(f"prompt_to_prompt.{event}", dict(data), server.client_id)


def show_text(node: str | None, text: str) -> None:
    """Shows a text on a node while the graph runs, as the host does with its progress (0.3.75)."""
    server = _listened_to()
    if server is not None and node is not None:
        server.send_progress_text(text, node)


def _listened_to():
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    return server if server is not None and server.client_id is not None else None
