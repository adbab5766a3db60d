"""Recorded attention in a file: safetensors with a versioned JSON header, never pickle.

The tensors are named ``0.maps``, ``0.self_map``, ``1.maps``, … The header (metadata key ``p2p_attention``) says what
each is and what was asked for. A file may come from anywhere, so nothing in it is believed before it is checked, and no
tensor is read before its shape is.

``blend.0``, ``blend.1``, … are masks of the local blend. They came later: a file without them has none, and a reader
that does not know them passes them over, so they need no other version.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .attention_store import AttentionRecord, AttentionRequest, AttentionStore, Grids, Prompts, RowMaps, Side
from .chunks import MOST_TOKENS
from .errors import P2PError
from .file_checks import refuse_unreadable
from .part_files import part_of
from .prompt import LONGEST_TEXT
from .windows import Window

FORMAT_VERSION = 1
LARGEST_FILE = 2**31  # bytes
_KEY = "p2p_attention"
_LARGEST_HEADER = 2**22  # bytes
_LATEST_THINKABLE = 1000  # version of a format: a larger number is damage
_LARGEST_SIDE = 1024  # of a grid
_LARGEST_MASK = 4096  # side of a latent
_MOST_ROWS = 4096
_MOST_STEPS = 10_000  # that the host's samplers take
_LARGEST_NUMBER = 1e9  # of a progress; comparing with it refuses what is not finite

_Value = TypeVar("_Value")


class _BadHeader(Exception):
    """What is wrong with a header; says the field."""


def save_attention(store: AttentionStore, path: Path, pack_version: str) -> None:
    """Write the record of a store.

    Args:
        store: a filled store.
        path: of the new file.
        pack_version: of this pack, for people who look into the file.

    Raises:
        P2PError: an empty store, maps of a run that failed, too many maps or words for one file, or a disk that does
            not take them.
    """
    record = store.recorded()
    if store.get_ram_usage() > LARGEST_FILE:
        raise P2PError(
            f"The maps take {store.get_ram_usage() / 2**30:.1f} GiB, more than one file may hold: choose words or a "
            "coarser largest_grid, or turn keep_steps off, in P2P Attention Store."
        )
    for row in record.rows:
        _check_values(row)
    tensors = {}
    for number, row in enumerate(record.rows):
        tensors[f"{number}.maps"] = _own_copy(row.maps)
        if row.self_map is not None:
            tensors[f"{number}.self_map"] = _own_copy(row.self_map)
    for number, mask in enumerate(record.blend_masks):
        if mask is not None:
            tensors[f"blend.{number}"] = _own_copy(mask)
    header = json.dumps(_header(store.request, record, pack_version))
    as_written = json.dumps(header)  # by safetensors
    if len(as_written) > _LARGEST_HEADER // 2:  # the other half is for the tensors
        raise P2PError(
            "The words and prompts of the maps are too long for one file: choose words in P2P Attention Store, or "
            "record fewer pictures at once."
        )
    unfinished = part_of(path)
    try:
        unfinished.unlink(missing_ok=True)  # a link would be written through
        save_file(tensors, unfinished, metadata={_KEY: header})
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):  # a name that is too long cannot be removed either
            unfinished.unlink(missing_ok=True)
        raise P2PError(f"The attention maps could not be saved as {path.name}: {error}. Is the disk full?") from error


def load_attention(path: Path) -> AttentionStore:
    """A filled store from a file that ``save_attention`` wrote, equal to the one that was saved.

    Raises:
        P2PError: a file that is missing, too large, damaged, of another kind, or of a later version of this pack.
    """
    try:
        refuse_unreadable(path, LARGEST_FILE, _LARGEST_HEADER)
        with safe_open(path, framework="pt", device="cpu") as file:
            header = _parsed_header(path.name, file.metadata() or {})
            return _store(header, _Tensors(file))
    except FileNotFoundError as error:
        raise P2PError(f"{path.name} does not exist: choose another file.") from error
    except (OSError, SafetensorError) as error:
        raise P2PError(
            f"{path.name} is no complete safetensors file ({error}): save the maps again with P2P Save Attention."
        ) from error
    except _BadHeader as error:
        raise P2PError(f"{path.name} is damaged: {error}. Save the maps again with P2P Save Attention.") from error


def _own_copy(tensor: torch.Tensor) -> torch.Tensor:
    """Safetensors refuses tensors that share memory, such as views of the maps of a whole batch."""
    return tensor.clone(memory_format=torch.contiguous_format)


def _header(request: AttentionRequest, record: AttentionRecord, pack_version: str) -> dict:
    return {
        "version": FORMAT_VERSION,
        "pack_version": pack_version,
        "request": {
            "words": request.words,
            "prompts": request.prompts,
            "grids": request.grids,
            "window": (request.window.start, request.window.end),
            "keep_steps": request.keep_steps,
            "self_maps": request.self_maps,
        },
        "progress": record.progress,
        "blend_masks": [mask is not None for mask in record.blend_masks],
        "rows": [
            {
                "row": row.row,
                "prompt": row.prompt,
                "side": row.side,
                "role": row.role,
                "words": row.words,
                "steps": row.steps,
                "has_self_map": row.self_map is not None,
            }
            for row in record.rows
        ],
    }


def _parsed_header(name: str, metadata: Mapping[str, str]) -> Mapping[str, Any]:
    if _KEY not in metadata:
        raise P2PError(f"{name} is no file of attention maps: choose one that P2P Save Attention wrote.")
    try:
        header = json.loads(metadata[_KEY])
    except (ValueError, RecursionError) as error:
        raise _BadHeader("its header is no JSON") from error
    version = _field(header, "version", int)
    if FORMAT_VERSION < version <= _LATEST_THINKABLE:
        raise P2PError(
            f"{name} has format {version}, this version of the pack reads up to {FORMAT_VERSION}: update the pack."
        )
    if version != FORMAT_VERSION:
        raise _BadHeader("there is no such format")
    return header


class _Tensors:
    """The tensors of a file, read one by one after their kind and shape are seen to be right."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._names = frozenset(file.keys())

    def read(self, name: str, shape_is_right: Callable[[Sequence[int]], bool], kind: str = "F16") -> torch.Tensor:
        if name not in self._names:
            raise _BadHeader(f"the maps {name} are missing")
        part = self._file.get_slice(name)
        if part.get_dtype() != kind or not shape_is_right(part.get_shape()):
            raise _BadHeader(f"the maps {name} are not of the shape that the header says")
        return self._file.get_tensor(name)


def _store(header: Mapping[str, Any], tensors: _Tensors) -> AttentionStore:
    asked = _field(header, "request", dict)
    bounds = _numbers(asked, "window")
    if len(bounds) != 2:
        raise _BadHeader("window is not two numbers")
    try:
        window = Window(*bounds)
    except P2PError as error:
        raise _BadHeader(f"window: {error}") from error
    request = AttentionRequest(
        words=_texts(asked, "words"),
        prompts=_choice(asked, "prompts", get_args(Prompts)),
        grids=_choice(asked, "grids", get_args(Grids)),
        window=window,
        keep_steps=_field(asked, "keep_steps", bool),
        self_maps=_field(asked, "self_maps", bool),
    )
    progress = _numbers(header, "progress")
    entries = _field(header, "rows", list)
    if not 1 <= len(entries) <= _MOST_ROWS or not 1 <= len(progress) <= _MOST_STEPS:
        raise _BadHeader("it holds no maps, or too many")
    rows = tuple(_row(entry, number, len(progress), tensors) for number, entry in enumerate(entries))
    return AttentionStore(request, AttentionRecord(rows, progress, blend_masks=_blend_masks(header, tensors)))


def _blend_masks(header: Mapping[str, Any], tensors: _Tensors) -> tuple[torch.Tensor | None, ...]:
    """None of a file that an earlier version of this pack wrote."""
    are_there = _field(header, "blend_masks", list) if "blend_masks" in header else []
    if len(are_there) > _MOST_ROWS or not all(type(value) is bool for value in are_there):
        raise _BadHeader("blend_masks does not say which rows have one")

    def is_mask(shape: Sequence[int]) -> bool:
        return len(shape) == 2 and all(1 <= side <= _LARGEST_MASK for side in shape)

    return tuple(
        tensors.read(f"blend.{number}", is_mask, "BOOL") if is_there else None
        for number, is_there in enumerate(are_there)
    )


def _row(entry: Any, number: int, steps: int, tensors: _Tensors) -> RowMaps:
    words = _texts(entry, "words")
    own_steps = _steps(entry, steps)

    def is_maps(shape: Sequence[int]) -> bool:
        return len(shape) == 4 and tuple(shape[:2]) == (len(own_steps) or steps, len(words)) and _is_grid(shape[2:])

    def is_self_map(shape: Sequence[int]) -> bool:
        return len(shape) == 4 and shape[:2] == shape[2:] and _is_grid(shape[:2])

    row = _field(entry, "row", int)
    if not 0 <= row < _MOST_ROWS:
        raise _BadHeader(f"row {row} is outside 0 to {_MOST_ROWS - 1}")
    maps = RowMaps(
        row=row,
        prompt=_text(_field(entry, "prompt", str), "prompt"),
        side=_choice(entry, "side", get_args(Side)),
        role=_text(_field(entry, "role", str), "role"),
        words=words,
        maps=tensors.read(f"{number}.maps", is_maps),
        self_map=tensors.read(f"{number}.self_map", is_self_map) if _field(entry, "has_self_map", bool) else None,
        steps=own_steps,
    )
    _check_values(maps)
    return maps


def _steps(entry: Any, steps: int) -> tuple[int, ...]:
    values = _field(entry, "steps", list)
    if not all(type(value) is int and 0 <= value < steps for value in values) or values != sorted(set(values)):
        raise _BadHeader(f"steps are not ascending numbers below {steps}")
    return tuple(values)


def _is_grid(shape: Sequence[int]) -> bool:
    return all(1 <= side <= _LARGEST_SIDE for side in shape)


def _check_values(row: RowMaps) -> None:
    for tensor in (row.maps, row.self_map):
        if tensor is not None and not tensor.isfinite().all():
            raise P2PError(
                f'The maps of "{row.prompt}" hold values that are no numbers: the run that made them failed (a black '
                "picture?). Sample again, in fp32 if need be."
            )


def _field(entry: Any, name: str, kind: type[_Value]) -> _Value:
    value = entry.get(name) if isinstance(entry, dict) else None
    if type(value) is not kind:  # a bool is an int to isinstance
        raise _BadHeader(f"{name} is missing or of the wrong kind")
    return value


def _choice(entry: Any, name: str, choices: Sequence[Any]) -> Any:
    value = _field(entry, name, str)
    if value not in choices:
        raise _BadHeader(f"{name} is none of {', '.join(choices)}")
    return value


def _texts(entry: Any, name: str) -> tuple[str, ...]:
    values = _field(entry, name, list)
    if len(values) > MOST_TOKENS:
        raise _BadHeader(f"{name} holds more than a prompt has")
    return tuple(_text(value, name) for value in values)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise _BadHeader(f"{name} holds something that is no text, or too long a one")
    return value


def _numbers(entry: Any, name: str) -> tuple[float, ...]:
    values = _field(entry, name, list)
    if not all(type(value) in (int, float) and -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER for value in values):
        raise _BadHeader(f"{name} holds something that is no number")
    return tuple(map(float, values))
