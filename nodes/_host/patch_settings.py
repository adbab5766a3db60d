"""Which settings other nodes gave what they put into a model, as far as that can be read without guessing.

A patch is a function or an object of code nobody here knows. What can be read are the numbers that its closure, its
defaults or its attributes hold. Not each of them is a setting: some are the state of a run. So only decimal numbers and
tensors count, which strengths, windows and picture prompts are and counters, sizes and ids are not; of these only such
as were the same before and after the recorded run; and of two runs only those that both have, in the same form. A
difference may be missed that way, but hardly ever invented.
"""

import functools
import math
import types
from collections.abc import Iterator, Mapping

import torch

from ...p2p_core.prompt import content_key
from .model_identity import named_patches

Settings = dict[str, dict[str, list[str]]]  # by patch and by the path to the number within it

_DEPTH, _MOST = 5, 500  # of one patch
_SAMPLED = 64  # values of a tensor
_DIGITS = 6
_TENSORS = (torch.Tensor, torch.nn.Parameter)  # others, such as quantised ones, may not be readable


def patch_settings(options: Mapping) -> Settings:
    """The numbers in a model's patches. Patches of one name, as one node has at every layer, are one."""
    found: dict[str, dict[str, set[str]]] = {}
    for name, function in named_patches(options):
        of_patch = found.setdefault(name, {})
        for path, value in _numbers(function):
            of_patch.setdefault(path, set()).add(value)
    return {name: {path: sorted(values) for path, values in own.items()} for name, own in found.items() if own}


def kept_settings(before: Settings, after: Settings) -> Settings:
    """Those that a run has not changed."""
    same = {
        name: {path: values for path, values in own.items() if after.get(name, {}).get(path) == values}
        for name, own in before.items()
    }
    return {name: own for name, own in same.items() if own}


def other_settings(recorded: Settings, own: Settings) -> list[str]:
    """How the settings of two runs differ, for people; nothing for what only one of them has."""
    said = []
    for name, path in ((name, path) for name, paths in recorded.items() for path in paths):
        before, now = recorded[name][path], own.get(name, {}).get(path)
        if now is None or before == now or [*map(_form, before)] != [*map(_form, now)]:
            continue
        values = f" {'/'.join(before)} recorded, {'/'.join(now)} here" if _form(now[0]) == "number" else ""
        said.append(f"{name}, {path}{values}")
    return said


def _form(value: str) -> str:
    """ "number", or the type and shape of a tensor."""
    return value.rpartition(" ")[0] or "number"


def _numbers(function: object) -> Iterator[tuple[str, str]]:
    """(path, value) of what a patch holds."""
    seen: set[int] = set()
    waiting: list[tuple[str, object, int]] = [("", function, 0)]
    while waiting and len(seen) < _MOST:
        path, thing, depth = waiting.pop()
        if isinstance(thing, float):
            if math.isfinite(thing):
                yield path, f"{thing:.{_DIGITS}g}"
            continue
        if id(thing) in seen or depth > _DEPTH:
            continue
        seen.add(id(thing))
        if torch.is_tensor(thing):
            if type(thing) in _TENSORS and thing.is_floating_point() and thing.numel() and not thing.is_meta:
                flat = thing.detach().flatten()
                values = content_key(flat[:: max(1, len(flat) // _SAMPLED)])
                yield path, f"{str(thing.dtype).removeprefix('torch.')} {'×'.join(map(str, thing.shape))} {values[:16]}"
            continue
        waiting += [(f"{path}.{name}" if path else name, part, depth + 1) for name, part in _parts(thing)]


def _parts(thing: object) -> Iterator[tuple[str, object]]:
    """What something holds, by name; nothing of what is no plain data. No code of the thing is run."""
    if isinstance(thing, types.MethodType):
        yield from _parts(thing.__func__)
        yield "self", thing.__self__
    elif isinstance(thing, types.FunctionType):
        yield from _closure(thing)
    elif isinstance(thing, functools.partial):
        yield "function", thing.func
        yield from ((str(number), part) for number, part in enumerate(thing.args))
        yield from thing.keywords.items()
    elif isinstance(thing, (list, tuple)):
        yield from ((str(number), part) for number, part in enumerate(thing))
    elif isinstance(thing, dict):
        yield from ((str(name), part) for name, part in thing.items() if isinstance(name, (str, int)))
    elif not isinstance(thing, (type, types.ModuleType)) and not _is_model(type(thing)):
        yield from _attributes(thing).items()


def _closure(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # an empty one
            continue
    code = function.__code__
    defaults = function.__defaults__ or ()
    named = code.co_varnames[: code.co_argcount]
    yield from zip(named[len(named) - len(defaults) :], defaults, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def _is_model(kind: type) -> bool:
    """A network or a model of the host: a world of its own, which other facts tell apart."""
    return issubclass(kind, torch.nn.Module) or hasattr(kind, "model_size") or hasattr(kind, "state_dict")


def _attributes(thing: object) -> dict[str, object]:
    try:
        return object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}
