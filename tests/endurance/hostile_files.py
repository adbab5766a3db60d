"""Files that were made to break a reader of attention maps: cut off, foreign, hostile, and changed by chance."""

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from p2p.p2p_core.attention_files import save_attention
from p2p.p2p_core.attention_store import AttentionRecord, AttentionRequest, AttentionStore, RowMaps
from p2p.p2p_core.windows import Window
from PIL import Image
from safetensors.torch import save

KEY = "p2p_attention"
MARKUP = '<img src=x onerror="window.p2pFired=1">'
CONTROLS = "\x00\x07\x1b[31m\u202e\u200b\ufeff\r\n"


def store(words: tuple[str, ...] = ("a", "cat#1", "cat#2"), prompt: str = "a cat cat") -> AttentionStore:
    """Two rows, one with self-attention, and a mask of a local blend: all that a file can hold."""
    noise = torch.Generator().manual_seed(0)
    maps = torch.rand(2, len(words), 4, 6, generator=noise).half()
    rows = (
        RowMaps(0, prompt, "positive", "source", words, maps, torch.full((2, 3, 2, 3), 1 / 6).half()),
        RowMaps(1, prompt, "positive", "target 1", words, maps / 2, steps=(0, 1)),
    )
    request = AttentionRequest((), "positive", "medium", Window(), keep_steps=True, self_maps=True)
    return AttentionStore(request, AttentionRecord(rows, (0.0, 0.5), blend_masks=(None, torch.eye(4).bool())))


def content(folder: Path, **settings) -> bytes:
    """A file as the pack writes it."""
    path = folder / "good.attention.safetensors"
    save_attention(store(**settings), path, "1")
    written = path.read_bytes()
    path.unlink()
    return written


def head_length(written: bytes) -> int:
    return struct.unpack("<Q", written[:8])[0]


def with_head(head: dict | bytes, data: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


def parts(written: bytes) -> tuple[dict, dict, bytes]:
    """The head of a file without its header, its header, and its data."""
    end = 8 + head_length(written)
    head = json.loads(written[8:end])
    return head, json.loads(head.pop("__metadata__")[KEY]), written[end:]


def with_header(head: dict, header: object, data: bytes) -> bytes:
    text = header if isinstance(header, str) else json.dumps(header)
    return with_head({"__metadata__": {KEY: text}, **head}, data)


class Harm:
    """A pickle that leaves a trace when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (Path.mkdir, (self.trace,))


def foreign(trace: Path) -> dict[str, bytes]:
    """Files of other kinds under the name of ours."""
    picture, archive, torch_file = io.BytesIO(), io.BytesIO(), io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("../../escaped.txt", "out")
    torch.save({"a": Harm(trace)}, torch_file)
    lora = {f"lora_unet_block_{number}.lora_up.weight": torch.zeros(4, 4) for number in range(50)}
    return {
        "empty": b"",
        "a model": save({"weight": torch.zeros(4, 4)}),
        "a LoRA": save(lora, metadata={"ss_network_dim": "4", "ss_tag_frequency": "x" * 1_000_000}),
        "a picture": picture.getvalue(),
        "an archive": archive.getvalue(),
        "a pickle": pickle.dumps(Harm(trace)),
        "a checkpoint": torch_file.getvalue(),
        "text": b"p2p_attention",
        "a page": MARKUP.encode() * 100,
        "zeros": bytes(1_000_000),
    }


def hostile(written: bytes) -> dict[str, bytes]:
    """Files whose heads were made to take memory or time, or to reach beyond the data."""
    head, header, data = parts(written)
    entry = head["0.maps"]

    def tensor(**changes) -> bytes:
        return with_header({**head, "0.maps": {**entry, **changes}}, header, data)

    def row(**changes) -> bytes:
        first, *rest = header["rows"]
        return with_header(head, {**header, "rows": [{**first, **changes}, *rest]}, data)

    begin, end = entry["data_offsets"]
    long_version = json.dumps({**header, "version": 0}).replace('"version": 0', '"version": ' + "9" * 4000)
    return {
        "longest length": struct.pack("<Q", 2**64 - 1) + written[8:],
        "length beyond the file": struct.pack("<Q", len(written)) + written[8:],
        "length without a file": struct.pack("<Q", 99_000_000) + b"{}",
        "100 MB of lists": with_head(b"[" * 99_999_000),
        "100 MB of objects": with_head(b'{"a":' * 19_999_800),
        "100 MB of metadata": with_head({"__metadata__": {KEY: "x" * 99_000_000}}),
        "a million metadata": with_head({"__metadata__": {str(number): "" for number in range(1_000_000)}}),
        "many metadata": with_head({"__metadata__": {str(number): "" for number in range(200_000)}}),
        "many tensors": with_head({str(n): {**entry, "shape": [0], "data_offsets": [0, 0]} for n in range(50_000)}),
        "lists in the header": with_header(head, "[" * 4_000_000, data),
        "numbers in the header": with_header(head, "[" + "0," * 2_000_000 + "0]", data),
        "objects in the header": with_header(head, "[" + "{}," * 1_300_000 + "0]", data),
        "half a character": with_header(head, '"\ud800"', data),
        "offsets that overlap": tensor(data_offsets=head["1.maps"]["data_offsets"]),
        "offsets below zero": tensor(data_offsets=[-end, end - begin]),
        "offsets beyond the file": tensor(data_offsets=[begin, end + 2**40]),
        "offsets backwards": tensor(data_offsets=[end, begin]),
        "a giant shape": tensor(shape=[2**62, 2**62, 2**62, 2**62]),
        "a large shape": tensor(shape=[2, 3, 4000, 6000]),
        "a shape below zero": tensor(shape=[-2, -3, 4, 6]),
        "a shape of fractions": tensor(shape=[2.5, 3, 4, 6]),
        "whole numbers": tensor(dtype="I16"),
        "another float": tensor(dtype="BF16"),
        "no such type": tensor(dtype="OBJECT"),
        "not a number": with_header(head, header, b"\xff\x7f" * (len(data) // 2)),
        "infinite": with_header(head, header, b"\x00\x7c" * (len(data) // 2)),
        "thousands of words too many": row(words=["cat"] * 200_000),
        "a version to come": with_header(head, {**header, "version": 2}, data),
        "a version of 4,000 digits": with_header(head, long_version, data),
        "a word of a million letters": row(words=["x" * 1_000_000, "b", "c"]),
        "a million steps": with_header(head, {**header, "progress": [0] * 1_000_000}, data),
        "rows without number": with_header(head, {**header, "rows": header["rows"] * 50_000}, data),
    }  # fmt: skip


def allowed(written: bytes) -> dict[str, bytes]:
    """Files that look odd and are right."""
    head, header, data = parts(written)
    words = [MARKUP, CONTROLS, "javascript:alert(1)"]
    rows = [{**row, "words": words, "prompt": MARKUP + CONTROLS} for row in header["rows"]]
    twice = json.dumps(header)[:-1] + ', "progress": [0.0, 0.5]}'
    return {
        "markup and controls": with_header(head, {**header, "rows": rows}, data),
        "a key twice": with_header(head, twice, data),
        "keys that nobody knows": with_header(head, {**header, "__class__": "os.system", "$ref": "/etc/passwd"}, data),
    }


def truncated(written: bytes) -> Iterator[bytes]:
    """Cut off in the length, all through the head, at its end, and in the data."""
    end = 8 + head_length(written)
    places = {*range(10), *range(10, end, 37), end - 1, end, end + 1, (end + len(written)) // 2, len(written) - 1}
    return (written[:place] for place in sorted(places))
