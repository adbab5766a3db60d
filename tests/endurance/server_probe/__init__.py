"""A custom node pack for the server of these tests: tells what the server holds. It adds no nodes.

``/endurance/state`` first collects what nobody refers to and hands free memory back to the system: the C library
keeps freed blocks, how many depends on the order of their sizes. What is left is held by somebody.
"""

import ctypes
import gc
import sys
from collections import Counter
from pathlib import Path

import comfy.model_base
import torch
from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS = {}
RUN_STATE = ("Run", "Blending", "Watch", "Recording", "MapSums", "Live", "LiveMaps")  # classes of what a run makes


class Calls:
    """Counts calls of models, so that a test can tell whether anything was sampled."""

    def __init__(self) -> None:
        self.count = 0
        original = comfy.model_base.BaseModel.apply_model

        def counting(model, *arguments, **options):
            self.count += 1
            return original(model, *arguments, **options)

        comfy.model_base.BaseModel.apply_model = counting


def state(calls: Calls) -> dict:
    """What is alive in this process."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    objects = gc.get_objects()
    tensors = [thing for thing in objects if torch.is_tensor(thing)]
    kinds = Counter(type(thing).__name__ for thing in objects if _is_of_the_pack(type(thing)))
    return {
        "resident": _resident(),
        "objects": len(objects),
        "tensors": len(tensors),
        "tensor_bytes": sum(tensor.nelement() * tensor.element_size() for tensor in tensors),
        "model_calls": calls.count,
        "asked_to_free": len(PromptServer.instance.prompt_queue.flags),
        "run_state": {name: kinds[name] for name in RUN_STATE if kinds[name]},
        "controllers": kinds["EditedConditioning"] + kinds["AttentionStore"] + kinds["Prompt"],
        "patched_models": _patched_models(objects),
    }


def _resident() -> int:
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def _is_of_the_pack(kind: type) -> bool:
    module = str(kind.__module__)
    return ".p2p_core." in module or ".nodes._host." in module


def _patched_models(objects: list) -> int:
    """Copies of models, as nodes hand them on, that carry something of the pack."""
    patchers = [thing for thing in objects if type(thing).__name__ == "ModelPatcher"]
    # One that the worker is just making has no attachments yet.
    return sum(any("p2p" in str(key) for key in [*getattr(patcher, "attachments", ())]) for patcher in patchers)


def _add_route() -> None:
    calls = Calls()

    @PromptServer.instance.routes.get("/endurance/state")
    async def endurance_state(request):
        return web.json_response(state(calls))

    @PromptServer.instance.routes.get("/endurance/calls")
    async def endurance_calls(request):
        return web.json_response({"model_calls": calls.count})


_add_route()
