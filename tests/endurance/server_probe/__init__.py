"""A custom node pack for the server of these tests: tells what the server holds. It adds no nodes.

Two libraries of the host keep memory of every load of a model for good: safetensors of each tensor that is read, which
is counted, and tokenizers (0.23.3) of each word of a new tokenizer, of which there is one here for all loads.

``/endurance/state`` first collects what nobody refers to and hands free memory back to the system: the C library
keeps freed blocks, how many depends on the order of their sizes. What is left is held by somebody.
"""

import ctypes
import functools
import gc
import sys
import tempfile
from collections import Counter
from pathlib import Path

import comfy.model_base
import safetensors
import safetensors.torch
import torch
from aiohttp import web
from server import PromptServer
from transformers import CLIPTokenizer

NODE_CLASS_MAPPINGS = {}
LOADS, TENSORS = 10, 200  # of a file, to see what a tensor leaves; in it
# Classes of what a run makes.
RUN_STATE = (
    "Run", "Blending", "Watch", "Recording", "MapSums", "Live", "LiveMaps", "Capture", "RecordStorage",
)  # fmt: skip


def share_tokenizers() -> None:
    """Makes one tokenizer of every vocabulary do for all models."""
    made = functools.cache(CLIPTokenizer.from_pretrained)
    CLIPTokenizer.from_pretrained = made


def kept_of_a_tensor() -> float:
    """The objects that reading a tensor from a safetensors file leaves behind for good.

    The library (0.8.0) keeps two small ones for each, which no caller can give back.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tensors.safetensors"
        safetensors.torch.save_file({str(number): torch.zeros(1) for number in range(TENSORS)}, path)
        for _ in range(2):  # the first fills caches
            gc.collect()
            before = sys.getallocatedblocks()
            for _ in range(LOADS):
                safetensors.torch.load_file(path)
            gc.collect()
        return (sys.getallocatedblocks() - before) / (LOADS * TENSORS)


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
        "heap": _heap(),
        "python_blocks": sys.getallocatedblocks(),
        "tensors_read": safetensors.safe_open.tensors_read,
        "objects": len(objects),
        "tensors": len(tensors),
        "tensor_bytes": sum(map(_bytes_of, tensors)),
        "model_calls": calls.count,
        "asked_to_free": len(PromptServer.instance.prompt_queue.flags),
        "run_state": {name: kinds[name] for name in RUN_STATE if kinds[name]},
        "controllers": kinds["EditedConditioning"] + kinds["AttentionStore"] + kinds["Prompt"],
        "patched_models": _patched_models(objects),
    }


def _bytes_of(tensor: torch.Tensor) -> int:
    try:
        return tensor.nelement() * tensor.element_size()
    except RuntimeError:  # the worker is just making it: the server is not at rest, and will be looked at again
        return 0


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
    calls = Calls()

    @PromptServer.instance.routes.get("/endurance/state")
    async def endurance_state(request):
        return web.json_response(state(calls))

    @PromptServer.instance.routes.get("/endurance/kept_of_a_tensor")
    async def endurance_kept_of_a_tensor(request):
        return web.json_response({"objects": kept_of_a_tensor()})

    @PromptServer.instance.routes.get("/endurance/calls")
    async def endurance_calls(request):
        return web.json_response({"model_calls": calls.count})


# Whoever imported the reader before this pack was prepared has the library's own.
safetensors.torch.safe_open = safetensors.safe_open
share_tokenizers()
_add_route()
