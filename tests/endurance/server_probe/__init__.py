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
import safetensors
import safetensors.torch
import torch
from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS = {}
LOADS, FILES = 10, 6  # of a file, to see what one leaves; files
# Classes of what a run makes.
RUN_STATE = (
    "Run", "Blending", "Watch", "Recording", "MapSums", "Live", "LiveMaps", "Capture", "RecordStorage",
)  # fmt: skip


class Loads:
    """Counts how often each safetensors file was read whole.

    The library (0.8.0) keeps a small object for every tensor that is read, which no caller can give back.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._open = safetensors.safe_open

        def counting(path, *arguments, **options):
            self.counts[str(path)] += 1
            return self._open(path, *arguments, **options)

        safetensors.safe_open = safetensors.torch.safe_open = counting

    def kept_by_a_load(self) -> dict[str, float]:
        """By file, the objects that a load leaves behind for good; of the files that are read again and again."""
        return {path: self._kept(path) for path, _ in self.counts.most_common(FILES) if Path(path).exists()}

    def _kept(self, path: str) -> float:
        for _ in range(2):  # the first fills caches
            gc.collect()
            before = sys.getallocatedblocks()
            for _ in range(LOADS):
                with self._open(path, framework="pt") as file:
                    for name in file.keys():  # noqa: SIM118 - the library's object is no dictionary
                        file.get_tensor(name)
            gc.collect()
        return (sys.getallocatedblocks() - before) / LOADS


class Calls:
    """Counts calls of models, so that a test can tell whether anything was sampled."""

    def __init__(self) -> None:
        self.count = 0
        original = comfy.model_base.BaseModel.apply_model

        def counting(model, *arguments, **options):
            self.count += 1
            return original(model, *arguments, **options)

        comfy.model_base.BaseModel.apply_model = counting


def state(calls: Calls, loads: Loads) -> dict:
    """What is alive in this process."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    objects = gc.get_objects()
    tensors = [thing for thing in objects if torch.is_tensor(thing)]
    kinds = Counter(type(thing).__name__ for thing in objects if _is_of_the_pack(type(thing)))
    return {
        "resident": _resident(),
        "heap": _heap(),
        "python_blocks": sys.getallocatedblocks(),
        "loads": dict(loads.counts),
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


class _MallocInfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    )  # fmt: skip


def _heap() -> int:
    """Bytes that somebody has asked the C library for and not given back, tensors among them; 0 where it cannot tell.

    The resident set also counts the holes between them, which grow and shrink with the order of allocations.
    """
    library = ctypes.CDLL("libc.so.6") if sys.platform == "linux" else None
    if not hasattr(library, "mallinfo2"):
        return 0
    library.mallinfo2.restype = _MallocInfo
    info = library.mallinfo2()
    return info.uordblks + info.hblkhd


def _is_of_the_pack(kind: type) -> bool:
    module = str(kind.__module__)
    return ".p2p_core." in module or ".nodes._host." in module


def _patched_models(objects: list) -> int:
    """Copies of models, as nodes hand them on, that carry something of the pack."""
    patchers = [thing for thing in objects if type(thing).__name__ == "ModelPatcher"]
    # One that the worker is just making has no attachments yet.
    return sum(any("p2p" in str(key) for key in [*getattr(patcher, "attachments", ())]) for patcher in patchers)


def _add_route() -> None:
    calls, loads = Calls(), Loads()

    @PromptServer.instance.routes.get("/endurance/state")
    async def endurance_state(request):
        return web.json_response(state(calls, loads))

    @PromptServer.instance.routes.get("/endurance/loads")
    async def endurance_loads(request):
        return web.json_response(loads.kept_by_a_load())

    @PromptServer.instance.routes.get("/endurance/calls")
    async def endurance_calls(request):
        return web.json_response({"model_calls": calls.count})


_add_route()
