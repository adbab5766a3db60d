"""A pack of nodes for servers under test: it looks at what is left in the process, and makes things fail.

Tests copy this file to a server's ``custom_nodes``; nothing of the repository is imported here.
"""

import ctypes
import gc
import json
import os
import signal
import sys
from pathlib import Path

import comfy.patcher_extension
import torch

RUN_STATE = {"Run", "Blending", "Watch", "Recording", "MapSums", "SelfMapSums", "Live", "LiveMaps"}
ERRORS = {"exception": RuntimeError, "out of memory": torch.OutOfMemoryError}
KEY = "p2p_faults"


class FaultsProbe:
    """Tells what is alive in this process and what is on the model."""

    RETURN_TYPES = ()
    FUNCTION = "look"
    OUTPUT_NODE = True
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("MODEL",), "number": ("INT", {"max": 2**31})}}

    def look(self, model, number):
        gc.collect()
        alive = gc.get_objects()
        tensors = [thing for thing in alive if torch.is_tensor(thing)]
        seen = {
            "state": sorted(type(thing).__name__ for thing in alive if _is_run_state(thing)),
            "tensors": len(tensors),
            "bytes": sum(tensor.nelement() * tensor.element_size() for tensor in tensors),
            "resident": _resident_bytes(),
            "on_model": _on_model(model),
            "identity": id(model.model),
            "layers": sum(hasattr(module, "attn2") for module in model.model.modules()),
        }
        return {"ui": {"text": [json.dumps(seen)]}}


def _is_run_state(thing) -> bool:
    kind = type(thing)
    return kind.__name__ in RUN_STATE and ("nodes._host" in kind.__module__ or "p2p_core" in kind.__module__)


def _resident_bytes() -> int:
    """Memory in use, after the C library has handed back what it keeps of freed blocks."""
    if sys.platform != "linux":
        return 0
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def _on_model(model) -> dict:
    """All that anybody has put on a model, in words."""
    network = model.model
    modules = [(name, module) for name, module in network.named_modules()]
    return {
        "options": repr(model.model_options),
        "wrappers": repr(model.wrappers),
        "callbacks": repr(model.callbacks),
        "attachments": repr(model.attachments),
        "injections": repr(model.injections),
        "weights": sorted(model.patches),
        "objects": sorted(model.object_patches),
        "backups": sorted(map(str, [*model.backup, *model.object_patches_backup])),
        "current": repr(getattr(network, "current_patcher", None)),
        "attributes": sorted(f"{name}.{key}" for name, module in modules for key in module.__dict__),
        "hooks": sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for _, module in modules),
    }


class FaultsRaise:
    """The model with something of another pack that raises at one call of a run; 0 only counts the calls."""

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "patch"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "model": ("MODEL",),
                "where": (list(PLACES),),
                "error": (list(ERRORS),),
                "call": ("INT", {"max": 2**31}),
            }
        }

    def patch(self, model, where, error, call):
        patched = model.clone()
        PLACES[where](patched, _Fuse(call, ERRORS[error]))
        return (patched,)


class _Fuse:
    """Counts its calls and raises at one of them."""

    def __init__(self, at: int, error: type[Exception]) -> None:
        self._left, self._error = at, error

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise self._error("raised on purpose")


def _in_list(name: str):
    def install(model, fuse):
        def patch(hidden, *others):
            fuse()
            return hidden if name.endswith("output_patch") else (hidden, *others[:-1])

        model.set_model_patch(patch, name)

    return install


def _in_replacement(model, fuse):
    """Of every block: the replacement of our pack calls it for its first term."""

    def replaced(q, k, v, options):
        fuse()
        return comfy.ldm.modules.attention.optimized_attention(
            q, k, v, options["n_heads"], attn_precision=options["attn_precision"], transformer_options=options
        )

    for name in ("input", "middle", "output"):
        for number in range(12):
            model.set_model_attn2_replace(replaced, name, number)


def _in_kernel(model, fuse):
    def attend(function, *inputs, **settings):
        fuse()
        return function(*inputs, **settings)

    model.model_options["transformer_options"]["optimized_attention_override"] = attend


def _in_wrapper(kind: str):
    def install(model, fuse):
        def wrapper(executor, *inputs, **settings):
            result = executor(*inputs, **settings)
            fuse()
            return result

        model.add_wrapper_with_key(getattr(comfy.patcher_extension.WrappersMP, kind), KEY, wrapper)

    return install


PLACES = {
    "attn1_patch": _in_list("attn1_patch"),
    "attn2_patch": _in_list("attn2_patch"),
    "attn2_output_patch": _in_list("attn2_output_patch"),
    "attn2 replaced": _in_replacement,
    "attention kernel": _in_kernel,
    "after the model": _in_wrapper("DIFFUSION_MODEL"),
    "after a step": _in_wrapper("PREDICT_NOISE"),
}


class FaultsKill:
    """The server ends at once, as if killed, when a file is half written."""

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "arm"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("MODEL",), "file": (["attention", "picture"],)}}

    def arm(self, model, file):
        if file == "attention":
            _of_pack("p2p_core.attention_files").save_file = _half_then_kill(
                _of_pack("p2p_core.attention_files").save_file
            )
        else:
            picture = _of_pack("nodes._host.temp_files").Image.Image
            picture.save = _half_then_kill_method(picture.save)
        return (model,)


def _of_pack(name: str):
    (found,) = (module for known, module in sys.modules.items() if known.endswith(name))
    return found


def _half_then_kill(save):
    def saving(tensors, path, *settings, **named):
        save(tensors, path, *settings, **named)
        _cut_and_die(path)

    return saving


def _half_then_kill_method(save):
    def saving(self, path, *settings, **named):
        save(self, path, *settings, **named)
        _cut_and_die(path)

    return saving


def _cut_and_die(path) -> None:
    os.truncate(path, os.path.getsize(path) // 2)
    os.kill(os.getpid(), signal.SIGKILL)


NODE_CLASS_MAPPINGS = {node.__name__: node for node in (FaultsProbe, FaultsRaise, FaultsKill)}
