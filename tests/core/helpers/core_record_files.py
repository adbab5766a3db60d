"""Files of a record, good ones and such as were made to break their reader."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import torch
from p2p.p2p_core.record_files import save_record
from p2p.p2p_core.record_storage import RecordStorage

FACTS = {
    "prompt": "a naïve «猫» \ud83d \0 \"'\\",
    "sigmas": [14.614643, 0.1, 0.0],
    "seed": 2**64 - 1,
    "sites": [{"block": "input.4.0", "grid": [8, 8]}],
    "nothing": None,
    "yes": True,
}
LONG = 100_001


def small() -> dict[str, torch.Tensor]:
    noise = torch.Generator().manual_seed(1)
    return {
        "latents/0": torch.randn(1, 4, 3, 5, generator=noise),
        "noise": torch.randn(1, 4, 3, 5, generator=noise).double(),
        "scalar": torch.tensor(3),
        "odd": torch.tensor([True, False, True]),
        "bf16": torch.ones(3).bfloat16(),
    }


def values() -> dict[str, torch.Tensor]:
    noise = torch.Generator().manual_seed(0)
    names = [f"self/{site}/0.5/0/0/{part}" for site in range(3) for part in ("q", "k")]
    return {name: torch.randn(1, 5 + place, 7, generator=noise) for place, name in enumerate(names)}


def storage_of(tensors, precision="fp32", home="device", folder=None) -> RecordStorage:
    storage = RecordStorage(precision, home, folder)
    for name, tensor in tensors.items():
        storage.put(name, tensor)
    return storage


def content(folder: Path, precision="int8") -> bytes:
    """A file as the pack writes it."""
    path = folder / "good"
    save_record(path, FACTS, small(), storage_of(values(), precision))
    written = path.read_bytes()
    path.unlink()
    return written


def parts(written: bytes) -> tuple[dict, dict, bytes]:
    """The head without our own part, our own part, and the data."""
    end = 8 + struct.unpack("<Q", written[:8])[0]
    head = json.loads(written[8:end])
    return head, json.loads(head.pop("__metadata__")["p2p_record"]), written[end:]


def with_head(head: dict | bytes, data: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


def with_own(head: dict, own: object, data: bytes) -> bytes:
    text = own if isinstance(own, str) else json.dumps(own)
    return with_head({"__metadata__": {"p2p_record": text}, **head}, data)


def _tensor(name: str, **changes) -> Callable[[bytes], bytes]:
    def change(written: bytes) -> bytes:
        head, own, data = parts(written)
        entry = {**head[name], **changes}
        return with_own({**head, name: {key: value for key, value in entry.items() if value != "gone"}}, own, data)

    return change


def _head(change: Callable[[dict], object]) -> Callable[[bytes], bytes]:
    def changed(written: bytes) -> bytes:
        head, own, data = parts(written)
        change(head)
        return with_own(head, own, data)

    return changed


def _own(**changes) -> Callable[[bytes], bytes]:
    def change(written: bytes) -> bytes:
        head, own, data = parts(written)
        return with_own(head, {**own, **changes}, data)

    return change


def _own_text(text: Callable[[str], str] | str) -> Callable[[bytes], bytes]:
    def change(written: bytes) -> bytes:
        head, own, data = parts(written)
        return with_own(head, text if isinstance(text, str) else text(json.dumps(own)), data)

    return change


def _data(change: Callable[[dict, bytearray], object]) -> Callable[[bytes], bytes]:
    def changed(written: bytes) -> bytes:
        head, own, data = parts(written)
        spoilt = bytearray(data)
        change(head, spoilt)
        return with_own(head, own, bytes(spoilt))

    return changed


def _renamed(old: str, new: str) -> Callable[[bytes], bytes]:
    return _head(lambda head: head.__setitem__(new, head.pop(old)))


def _fill(name: str, value: bytes) -> Callable[[bytes], bytes]:
    def change(head: dict, data: bytearray) -> None:
        begin, end = head[name]["data_offsets"]
        data[begin:end] = value * ((end - begin) // len(value))

    return _data(change)


def _nested(depth: int, kind: str = "list") -> object:
    value: object = 1
    for _ in range(depth):
        value = [value] if kind == "list" else {"a": value}
    return value


Q, S = "values/self/0/0.5/0/0/q", "scales/self/0/0.5/0/0/q"
_raw = lambda text, data=b"": lambda written: with_head(text, data)  # noqa: E731 a row of the table below

# What is done to a good file, and a part of what its reader says; "damaged" also where the library would say more.
HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda written: b"", "damaged"),
    "seven bytes": (lambda written: written[:7], "damaged"),
    "longest length": (lambda written: struct.pack("<Q", 2**64 - 1) + written[8:], "damaged"),
    "length beyond the file": (lambda written: struct.pack("<Q", len(written)) + written[8:], "damaged"),
    "cut off in the head": (lambda written: written[:100], "damaged"),
    "cut off in the data": (lambda written: written[:-1], "more or fewer data"),
    "data behind the end": (lambda written: written + b"\0", "more or fewer data"),
    "17 MB of lists": (_raw(b"[" * 17_000_000), "too long"),
    "10 MB of lists": (_raw(b"[" * 10_000_000), "holds too much"),
    "10 MB of objects": (_raw(b'{"a":' * 2_000_000), "holds too much"),
    "deep lists": (_raw(b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}"), "no JSON"),
    "many numbers": (_raw(b"[" + b"0.5," * 2_000_000 + b"0]"), "holds too much"),
    "a list": (_raw(b"[]"), "no object"),
    "no text": (_raw(b"{\xff}"), "no JSON"),
    "UTF-16": (_raw("{}".encode("utf-16-le")), "no JSON"),
    "a model": (_raw({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)), "no file of a record"),
    "metadata is no object": (_raw({"__metadata__": []}), "no file of a record"),
    "our part is no text": (_raw({"__metadata__": {"p2p_record": {}}}), "no file of a record"),
    "our part is no JSON": (_own_text("{"), "no JSON"),
    "our part is too long": (_own_text(" " * 3_000_000), "too long"),
    "our part is half a character": (_own_text('"\ud800"'), "no object"),
    "a digit too many": (_own_text(lambda text: text.replace('"version": 1', '"version": ' + "9" * 5000)), "no JSON"),
    "a name twice in our part": (_own_text(lambda text: text[:-1] + ', "version": 1}'), "stands in it twice"),
    "a tensor twice": (
        lambda written: with_head(written[8:].split(b"}}")[0].replace(b"{", b'{"small/a":1,"small/a":2,', 1) + b"}}"),
        "damaged",
    ),
    "another format": (_own(format="p2p_attention"), "no such format"),
    "version 0": (_own(version=0), "no such format"),
    "version true": (_own(version=True), "no such format"),
    "version 10000": (_own(version=10_000), "no such format"),
    "a version to come": (_own(version=2), "has format 2, this version of the pack reads up to 1: update the pack"),
    "no precision": (_own(precision=None), "no known precision"),
    "a list for a precision": (_own(precision=["int8"]), "no known precision"),
    "another precision": (_own(precision="fp16"), "scales are not those of its values"),
    "no facts": (_own(facts=None), "no facts"),
    "facts in a list": (_own(facts=[1]), "no facts"),
    "deep facts": (_own(facts={"a": _nested(20)}), "nested too deeply"),
    "deep objects": (_own(facts=_nested(13, "object")), "nested too deeply"),
    "many facts": (_own(facts={"a": [0] * 70_000}), "too many facts"),
    "a long text": (_own(facts={"a": "x" * LONG}), "too long a text"),
    "a long name": (_own(facts={"x" * LONG: 1}), "too long a text"),
    "no number": (_own(facts={"a": float("nan")}), "is no number"),
    "infinite": (_own_text(lambda text: text.replace("14.614643", "1e999")), "what is no number"),
    "too large a number": (_own(facts={"a": 2**70}), "what is no number"),
    "a tensor that is a number": (_head(lambda head: head.__setitem__(Q, 1)), "not described"),
    "a field too many": (_tensor(Q, extra=1), "not described"),
    "a field too few": (_tensor(Q, shape="gone"), "not described"),
    "no such type": (_tensor(Q, dtype="OBJECT"), "no known type"),
    "a list for a type": (_tensor(Q, dtype=["I8"]), "no known type"),
    "another type": (_tensor(Q, dtype="U8"), "not of the precision"),
    "a shape of fractions": (_tensor(Q, shape=[1.0, 5, 7]), "has no shape"),
    "a shape of truths": (_tensor(Q, shape=[True, 5, 7]), "has no shape"),
    "a shape below zero": (_tensor(Q, shape=[-1, -5, 7]), "has no shape"),
    "a shape with a zero": (_tensor(Q, shape=[0, 5, 7]), "has no shape"),
    "a shape that is text": (_tensor(Q, shape="157"), "has no shape"),
    "nine axes": (_tensor(Q, shape=[1] * 7 + [5, 7]), "has no shape"),
    "a giant shape": (_tensor(Q, shape=[2**62, 2**62, 2**62]), "has no shape"),
    "a large shape": (_tensor(Q, shape=[2**20, 2**20, 2**20]), "not of the shape"),
    "a shape by another": (_tensor(Q, shape=[1, 7, 5]), "scales of .+ are not of its shape"),
    "one offset": (_tensor(Q, data_offsets=[0]), "no place"),
    "offsets below zero": (_tensor(Q, data_offsets=[-35, 0]), "no place"),
    "offsets of truths": (_tensor(Q, data_offsets=[False, 35]), "no place"),
    "offsets backwards": (_tensor(Q, data_offsets=[35, 0]), "not of the shape"),
    "offsets that overlap": (_tensor(Q, data_offsets=[0, 35]), "does not begin where"),
    "offsets beyond the file": (_tensor(Q, data_offsets=[2**40, 2**40 + 35]), "does not begin where"),
    "a gap": (_head(lambda head: head.pop("small/noise")), "does not begin where"),
    "scales that are missing": (_renamed(S, "small/s"), "scales are not those"),
    "scales of nothing": (_renamed(Q, "small/q"), "scales are not those"),
    "an unknown kind": (_renamed(Q, "other/q"), "no name of a tensor"),
    "no kind": (_renamed(Q, "q"), "no name of a tensor"),
    "a name with dots in a row": (_renamed(Q, "values/a//b"), "no name of a tensor"),
    "a name of markup": (_renamed(Q, "values/<script>"), "no name of a tensor"),
    "a long name of a tensor": (_renamed(Q, "values/" + "x" * 500), "no name of a tensor"),
    "latents that are no numbers": (_fill("small/latents/0", b"\0\0\xc0\x7f"), "holds values that are no numbers"),
    "latents without end": (_fill("small/latents/0", b"\0\0\x80\x7f"), "latents/0 holds values that are no numbers"),
    "neither true nor false": (_fill("small/odd", b"\x07"), "neither true nor false"),
}  # fmt: skip
