"""The executor of graphs that a server of the host has, for tests that need no server."""

from types import SimpleNamespace

import execution

# Every limit that some version asks for, at what a server without options has ("ram_inactive" is newer than 0.8.0).
NO_LIMITS = {"lru": 0, "ram": 0.0, "ram_inactive": 0.0}


def new_executor(
    cache: execution.CacheType = execution.CacheType.CLASSIC, client: str | None = None, **limits: float
) -> execution.PromptExecutor:
    """An executor that has run nothing; its messages go nowhere but into its ``status_messages``."""
    server = SimpleNamespace(client_id=client, last_node_id=None, send_sync=lambda *_: None)
    return execution.PromptExecutor(server, cache, {**NO_LIMITS, **limits})
