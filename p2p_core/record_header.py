"""The head of a record's file: which tensors stand where, and what the record is of.

safetensors: eight bytes with the length of a JSON text, that text, the data. The tensors are ``small/NAME``, kept
exact, and ``values/NAME`` with, for int8, ``scales/NAME`` before it; the data has them in recorded order. The metadata
key ``p2p_record`` holds JSON of our own: format, version, precision and the facts. A file may come from anywhere, so
the whole head is checked against the size of the file before anything behind it is read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any, get_args

import torch

from .errors import P2PError
from .prompt import LONGEST_TEXT
from .record_homes import Stretch
from .record_precision import DTYPES, SCALE_DTYPE, Precision, scales_shape
from .record_storage import LONGEST_NAME, is_name

FORMAT, VERSION = "p2p_record", 1
LONGEST_HEAD = 2**24  # bytes
LARGEST_SMALL = 2**29  # bytes of all that is kept exact and read at once
_MOST_NODES = 2**19  # values of JSON in a head: nine for each tensor, and the facts
_MOST_FACTS, _DEEPEST_FACTS, _LONGEST_FACTS = 2**16, 12, 2**21
_LATEST_THINKABLE = 1000  # version of a format: a larger number is damage
_LARGEST_AXIS, _MOST_AXES = 2**24, 8
_LARGEST_WHOLE = 2**64  # a seed of the host has 64 bits

_TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
_NAMES_OF_TYPES = {dtype: name for name, dtype in _TYPES.items()}


class BadHead(Exception):
    """What is wrong with a head; says where."""


@dataclass(frozen=True)
class Head:
    """What a file holds. ``values``: by name, in recorded order, the scales last, as ``Encoded`` has its tensors."""

    facts: dict[str, Any]
    precision: Precision
    small: Mapping[str, Stretch]
    values: Mapping[str, tuple[Stretch, ...]]


def written_head(
    facts: Mapping[str, Any],
    precision: Precision,
    small: Mapping[str, torch.Tensor],
    shapes: Mapping[str, Sequence[int]],
) -> bytes:
    """The head of a file, its length in front; the data has small, then for each name its scales and its values.

    Raises:
        P2PError: more than can be read again.
    """
    own = json.dumps({"format": FORMAT, "version": VERSION, "precision": precision, "facts": dict(facts)})
    head: dict[str, Any] = {"__metadata__": {FORMAT: own}}
    end = 0
    for name, dtype, shape in _layout(precision, small, shapes):
        begin, end = end, end + prod(shape) * dtype.itemsize
        head[name] = {"dtype": _NAMES_OF_TYPES[dtype], "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(head, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    try:
        if len(text) > LONGEST_HEAD:
            raise BadHead("its head is too long")
        read_head("", text, 8 + len(text) + end)
    except BadHead as error:
        raise P2PError(
            f"The record cannot be saved: {error}. Record a shorter window, coarse grids only or fewer pictures."
        ) from error
    return len(text).to_bytes(8, "little") + text


def _layout(
    precision: Precision, small: Mapping[str, torch.Tensor], shapes: Mapping[str, Sequence[int]]
) -> Iterator[tuple[str, torch.dtype, Sequence[int]]]:
    for name, tensor in small.items():
        if not is_name(name) or tensor.dtype not in _NAMES_OF_TYPES:
            raise ValueError(f"{name!r} of {tensor.dtype} cannot be saved")
        yield f"small/{name}", tensor.dtype, tensor.shape
    for name, shape in shapes.items():
        if precision == "int8":
            yield f"scales/{name}", SCALE_DTYPE, scales_shape(shape)
        yield f"values/{name}", DTYPES[precision], shape


def read_head(name: str, text: bytes, file_size: int) -> Head:
    """The head of a file of that name and that many bytes.

    Raises:
        BadHead: damage.
        P2PError: a file that is no record, or one of a later version.
    """
    start = 8 + len(text)
    if _nodes(text) > _MOST_NODES:
        raise BadHead("its head holds too much")
    head = _json(text, "head")
    own = _own(name, head.pop("__metadata__", None))
    stretches = _checked_offsets({part: _stretch(part, entry, start) for part, entry in head.items()}, start, file_size)
    if own.get("precision") not in get_args(Precision):
        raise BadHead("it names no known precision")
    precision: Precision = own["precision"]
    small, values = _sorted_by_use(precision, stretches)
    if sum(stretch.nbytes for stretch in small.values()) > LARGEST_SMALL:
        raise BadHead("the tensors that are kept exact are too large")
    return Head(_facts(own), precision, small, values)


def _nodes(text: bytes) -> int:
    """At least as many as the values of JSON in it, found without making them."""
    return sum(map(text.count, (b",", b"[", b"{")))


def _json(text: bytes | str, what: str) -> dict[str, Any]:
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        raise BadHead(f"its {what} is no JSON") from error
    if type(value) is not dict:
        raise BadHead(f"its {what} is no object")
    return value


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadHead("a name stands in it twice")
    return found


def _own(name: str, metadata: Any) -> dict[str, Any]:
    if type(metadata) is not dict or type(metadata.get(FORMAT)) is not str:
        raise P2PError(f"{name} is no file of a record: choose one that was saved as a record.")
    if len(metadata[FORMAT]) > _LONGEST_FACTS:
        raise BadHead("its facts are too long")
    own = _json(metadata[FORMAT], "facts")
    version = own.get("version")
    if own.get("format") != FORMAT or type(version) is not int:
        raise BadHead("there is no such format")
    if VERSION < version <= _LATEST_THINKABLE:
        raise P2PError(f"{name} has format {version}, this version of the pack reads up to {VERSION}: update the pack.")
    if version != VERSION:
        raise BadHead("there is no such format")
    return own


def _stretch(name: str, entry: Any, start: int) -> Stretch:
    kind, _, rest = name.partition("/")
    if kind not in ("small", "values", "scales") or not is_name(rest):
        raise BadHead(f"{name[:LONGEST_NAME]!r} is no name of a tensor of a record")
    if type(entry) is not dict or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise BadHead(f"{name} is not described")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if type(entry["dtype"]) is not str or entry["dtype"] not in _TYPES:
        raise BadHead(f"{name} is of no known type")
    if not _are_whole(shape, 1, _LARGEST_AXIS) or len(shape) > _MOST_AXES:
        raise BadHead(f"{name} has no shape")
    if not _are_whole(offsets, 0, _LARGEST_WHOLE) or len(offsets) != 2:
        raise BadHead(f"{name} has no place in the file")
    stretch = Stretch(start + offsets[0], _TYPES[entry["dtype"]], tuple(shape))
    if offsets[1] - offsets[0] != stretch.nbytes:
        raise BadHead(f"{name} is not of the shape that it says")
    return stretch


def _are_whole(values: Any, least: int, most: int) -> bool:
    return type(values) is list and all(type(value) is int and least <= value <= most for value in values)


def _checked_offsets(stretches: dict[str, Stretch], start: int, file_size: int) -> dict[str, Stretch]:
    """In the order of the data, which they fill without gaps and overlaps to its last byte."""
    in_order = dict(sorted(stretches.items(), key=lambda item: item[1].start))
    end = start
    for name, stretch in in_order.items():
        if stretch.start != end:
            raise BadHead(f"{name} does not begin where the one before it ends")
        end += stretch.nbytes
    if end != file_size:
        raise BadHead("it has more or fewer data than it says")
    return in_order


def _sorted_by_use(
    precision: Precision, stretches: Mapping[str, Stretch]
) -> tuple[dict[str, Stretch], dict[str, tuple[Stretch, ...]]]:
    parts: dict[str, dict[str, Stretch]] = {"small": {}, "values": {}, "scales": {}}
    for name, stretch in stretches.items():
        kind, _, rest = name.partition("/")
        parts[kind][rest] = stretch
    small, values, scales = parts["small"], parts["values"], parts["scales"]
    if scales.keys() != (values.keys() if precision == "int8" else set()):
        raise BadHead("its scales are not those of its values")
    for name, stretch in values.items():
        if stretch.dtype != DTYPES[precision]:
            raise BadHead(f"{name} is not of the precision that the record has")
    for name, stretch in scales.items():
        if stretch.dtype != SCALE_DTYPE or stretch.shape != scales_shape(values[name].shape):
            raise BadHead(f"the scales of {name} are not of its shape")
    return small, {name: (value, scales[name]) if scales else (value,) for name, value in values.items()}


def _facts(own: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values, of bounded number, depth and length; what they mean is for those who use them to check."""
    facts = own.get("facts")
    if type(facts) is not dict:
        raise BadHead("it holds no facts")
    level: list[Any] = [facts]
    count = 0
    for _ in range(_DEEPEST_FACTS):
        count += len(level)
        if count > _MOST_FACTS:
            raise BadHead("it holds too many facts")
        for value in level:
            _check_plain(value)
        level = [part for value in level for part in _parts(value)]
    if level:
        raise BadHead("its facts are nested too deeply")
    return facts


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _check_plain(value: Any) -> None:
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise BadHead("its facts hold too long a text")
    if (isinstance(value, float) and not isfinite(value)) or (isinstance(value, int) and abs(value) > _LARGEST_WHOLE):
        raise BadHead("its facts hold what is no number")
