"""Telling the front end something while a graph runs."""

import sys
from collections.abc import Mapping


def tell_browser(event: str, data: Mapping) -> None:
    """Sends ``prompt_to_prompt.<event>`` to the client whose graph runs; nothing where there is no server.

    ``data`` must be what JSON can hold. The host's ``send_sync`` hands it to the server's own thread and returns at
    once (0.3.75). The module is looked up and not imported: where no server runs, importing it would make none.
    """
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is not None and server.client_id is not None:
        server.send_sync(f"prompt_to_prompt.{event}", dict(data), server.client_id)
