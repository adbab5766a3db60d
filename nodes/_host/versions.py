"""What differs between versions of ComfyUI, probed by behaviour. Each probe says which versions it is for."""

import dataclasses
import inspect
from collections.abc import Callable

from comfy_api.latest import io

CATEGORY = "prompt-to-prompt"
SEARCH_ALIASES = ["prompt to prompt", "p2p", "prompt2prompt", "cross attention control", "attention", "edit prompt"]


def schema(**fields) -> io.Schema:
    """``io.Schema`` of this pack's nodes without the fields this host does not know.

    A node's ``search_aliases`` are added to those of all nodes.
    ``search_aliases`` came with ComfyUI 0.11.0 (January 2026); before, an unknown field is a TypeError.
    """
    fields["search_aliases"] = [*SEARCH_ALIASES, *fields.get("search_aliases", [])]
    fields.setdefault("category", CATEGORY)
    known = {field.name for field in dataclasses.fields(io.Schema)}
    return io.Schema(**{name: value for name, value in fields.items() if name in known})


def node_input(kind, name: str, **fields):
    """``kind.Input(name, …)``, such as ``io.Int.Input``, without the fields this host does not know.

    ``advanced`` came with ComfyUI 0.10.0 (January 2026); before, an unknown field is a TypeError.
    """
    known = inspect.signature(kind.Input).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    return kind.Input(name, **{key: value for key, value in fields.items() if takes_any or key in known})


def outside_compiled_graph(function: Callable) -> Callable:
    """Keeps a patch out of torch.compile's graph, which would freeze the step it was traced at.

    TorchCompileModel drops the guards on transformer_options since ComfyUI 0.8.0 (January 2026).
    """
    import torch

    return torch.compiler.disable(function)
