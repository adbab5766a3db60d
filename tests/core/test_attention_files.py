"""A store in a file: the round trip is exact, and no file is believed before it is checked."""

import json
import pickle
import struct
from dataclasses import replace

import pytest
import torch
from core_attention import row, row_stochastic, store
from p2p.p2p_core import attention_files
from p2p.p2p_core.attention_files import load_attention, save_attention
from p2p.p2p_core.attention_store import AttentionStore
from p2p.p2p_core.errors import P2PError
from safetensors.torch import save_file

ODD_TEXTS = ["", "naïve «cat»\n", "猫と犬", "🐱", 'quote " and \\', "half \ud83d of a pair", "\0"]


def filled_store() -> AttentionStore:
    noise = torch.rand(3, 2, 5, 7, generator=torch.Generator().manual_seed(0)).half() - 0.25
    return store(
        row(0, ["teddy bear", "dog#2"], maps=noise, role="source", self_map=row_stochastic(3, 4)),
        row(1, ["teddy bear"], steps=3, role="target 1", grid=(8, 2)),
        row(1, ODD_TEXTS, steps=2, steps_of=(0, 2), side="negative", prompt="".join(ODD_TEXTS)),
        words=["teddy bear", "dog#2"],
        keep_steps=True,
        self_maps=True,
    )


def a_mask() -> torch.Tensor:
    return torch.arange(12).reshape(3, 4) % 3 == 0


def with_masks(masks=None) -> AttentionStore:
    masks = masks or (None, a_mask(), None)
    plain = filled_store()
    return AttentionStore(plain.request, replace(plain.recorded(), blend_masks=masks))


def fields(store: AttentionStore) -> tuple:
    """All that a store is, comparable, the tensors as their bytes."""
    record = store.recorded()
    rows = [
        (
            *(getattr(row, name) for name in ("row", "prompt", "side", "role", "words", "steps")),
            bits(row.maps),
            bits(row.self_map),
        )
        for row in record.rows
    ]
    return store.request, record.progress, rows, [bits(mask) for mask in record.blend_masks]


def bits(tensor: torch.Tensor | None) -> tuple | None:
    return None if tensor is None else (tensor.dtype, tensor.shape, tensor.numpy().tobytes())


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "maps_00001_.attention.safetensors"
    save_attention(filled_store(), path, "1.2.3")
    return path


def parts(path) -> tuple[dict, bytes]:
    """The JSON head of a safetensors file and the rest."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def written(path, head: dict, data: bytes) -> None:
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def with_header(path, change) -> None:
    """The file with its own header changed: ``change(header)`` in place, or a returned one in its place."""
    head, data = parts(path)
    header = json.loads(head["__metadata__"]["p2p_attention"])
    changed = change(header)
    head["__metadata__"]["p2p_attention"] = json.dumps(header if changed is None else changed)
    written(path, head, data)


class TestRoundTrip:
    def test_is_exact(self, saved):
        assert fields(load_attention(saved)) == fields(filled_store())

    def test_of_a_second_save_too(self, saved, tmp_path):
        again = tmp_path / "again.attention.safetensors"
        save_attention(load_attention(saved), again, "1.2.3")
        assert again.read_bytes() == saved.read_bytes()

    def test_leaves_one_file(self, saved):
        assert list(saved.parent.iterdir()) == [saved]

    def test_header_is_readable(self, saved):
        header = json.loads(parts(saved)[0]["__metadata__"]["p2p_attention"])
        assert (header["version"], header["pack_version"]) == (1, "1.2.3")
        assert header["rows"][0]["words"] == ["teddy bear", "dog#2"]

    def test_with_masks_of_a_local_blend(self, tmp_path):
        save_attention(with_masks(), tmp_path / "x", "1")
        assert fields(load_attention(tmp_path / "x")) == fields(with_masks()) != fields(filled_store())

    def test_a_file_from_before_there_were_masks(self, saved):
        with_header(saved, remove("blend_masks"))
        assert fields(load_attention(saved)) == fields(filled_store())

    def test_maps_that_are_views_of_larger_ones(self, tmp_path):
        large = torch.rand(1, 8, 4, 6).half()
        views = [row(0, "a b", maps=large[:, 2:4]), row(1, "c d", maps=large[:, 2:4])]
        save_attention(store(*views), tmp_path / "x", "1")
        assert fields(load_attention(tmp_path / "x")) == fields(store(*views))


class TestSaving:
    def test_an_empty_store(self, tmp_path):
        with pytest.raises(P2PError, match="is empty"):
            save_attention(AttentionStore(filled_store().request), tmp_path / "x", "1")
        assert not list(tmp_path.iterdir())

    def test_a_failed_run(self, tmp_path):
        with pytest.raises(P2PError, match="the run that made them failed"):
            save_attention(store(row(0, "a", maps=torch.full((1, 1, 2, 2), torch.nan).half())), tmp_path / "x", "1")
        assert not list(tmp_path.iterdir())

    def test_a_place_that_cannot_be_written(self, tmp_path):
        with pytest.raises(P2PError, match=r"could not be saved as x: .*disk full"):
            save_attention(filled_store(), tmp_path / "no such folder" / "x", "1")

    def test_more_than_a_file_may_hold(self, tmp_path, monkeypatch):
        monkeypatch.setattr(attention_files, "LARGEST_FILE", 100)
        with pytest.raises(P2PError, match="more than one file may hold: choose words"):
            save_attention(filled_store(), tmp_path / "x", "1")


def remove(*keys):
    def change(header):
        part = header
        for key in keys[:-1]:
            part = part[key]
        del part[keys[-1]]

    return change


def put(value, *keys):
    def change(header):
        part = header
        for key in keys[:-1]:
            part = part[key]
        part[keys[-1]] = value

    return change


BAD_HEADERS = {
    "a list": lambda header: [header],
    "null": lambda header: 0,
    "no version": remove("version"),
    "version 0": put(0, "version"),
    "version as text": put("1", "version"),
    "version true": put(True, "version"),
    "no request": remove("request"),
    "request is text": put("words", "request"),
    "words are text": put("cat", "request", "words"),
    "prompts unknown": put("neither", "request", "prompts"),
    "window of three": put([0, 0.5, 1], "request", "window"),
    "window outside": put([0, 2], "request", "window"),
    "window backwards": put([1, 0], "request", "window"),
    "window of text": put(["0", "1"], "request", "window"),
    "window not finite": put([0, float("inf")], "request", "window"),
    "keep_steps is a number": put(1, "request", "keep_steps"),
    "no progress": put([], "progress"),
    "progress has more steps": put([0.1] * 4, "progress"),
    "progress is not a number": put([0.1, float("nan"), 0.3], "progress"),
    "progress beyond float": put([0.1, 10**400, 0.3], "progress"),
    "no rows": put([], "rows"),
    "rows are numbers": put([1, 2, 3], "rows"),
    "too many rows": lambda header: header.update(rows=header["rows"] * 5000),
    "more rows than tensors": lambda header: header.update(rows=header["rows"] * 2),
    "row negative": put(-1, "rows", 0, "row"),
    "row huge": put(10**9, "rows", 0, "row"),
    "row is a fraction": put(0.5, "rows", 0, "row"),
    "side unknown": put("left", "rows", 0, "side"),
    "prompt is a number": put(3, "rows", 0, "prompt"),
    "role missing": remove("rows", 0, "role"),
    "one word less": put(["dog"], "rows", 0, "words"),
    "one word more": put(["a", "b", "c"], "rows", 0, "words"),
    "a word is a list": put(["a", ["b"]], "rows", 0, "words"),
    "a word is a novel": put(["a", "b" * 10**6], "rows", 0, "words"),
    "no steps": remove("rows", 0, "steps"),
    "steps of fewer maps": put([0, 1], "rows", 0, "steps"),
    "steps backwards": put([2, 1, 0], "rows", 0, "steps"),
    "steps beyond progress": put([0, 1, 3], "rows", 0, "steps"),
    "steps twice": put([0, 0, 1], "rows", 0, "steps"),
    "steps of truths": put([False, True, 2], "rows", 0, "steps"),
    "no self map": put(True, "rows", 1, "has_self_map"),
    "no masks": put([False, True], "blend_masks"),
    "masks are a number": put(2, "blend_masks"),
    "masks are numbers": put([0, 1], "blend_masks"),
    "too many masks": put([False] * 5000, "blend_masks"),
}


class TestLoading:
    @pytest.mark.parametrize(
        "mask", [torch.ones(3, 4), torch.ones(3, 4, 1).bool(), torch.ones(3, 0).bool(), torch.ones(5000, 1).bool()]
    )
    def test_a_wrong_mask(self, tmp_path, mask):
        save_attention(with_masks((mask,)), tmp_path / "x", "1")
        with pytest.raises(P2PError, match=r"the maps blend\.0 are not of the shape that the header says"):
            load_attention(tmp_path / "x")

    @pytest.mark.parametrize("change", BAD_HEADERS.values(), ids=BAD_HEADERS)
    def test_a_wrong_header(self, saved, change):
        with_header(saved, change)
        with pytest.raises(P2PError, match=r"maps_00001_\S+ is damaged: .+\. Save the maps again with"):
            load_attention(saved)

    @pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "9" * 10_000, "\ud800"])
    def test_a_header_that_is_no_json(self, saved, text):
        head, data = parts(saved)
        head["__metadata__"]["p2p_attention"] = text
        written(saved, head, data)
        with pytest.raises(P2PError, match=r"is damaged|no complete safetensors file"):
            load_attention(saved)

    def test_a_header_that_is_too_long(self, saved, monkeypatch):
        monkeypatch.setattr(attention_files, "_LARGEST_HEADER", 100)
        with pytest.raises(P2PError, match="header is too long"):
            load_attention(saved)

    def test_words_that_are_too_long_to_be_read_again_are_not_saved(self, tmp_path, monkeypatch):
        monkeypatch.setattr(attention_files, "_LARGEST_HEADER", 100)
        with pytest.raises(P2PError, match="too long for one file: choose words"):
            save_attention(filled_store(), tmp_path / "x", "1")
        assert not list(tmp_path.iterdir())

    def test_the_longest_header_that_is_saved_is_read(self, tmp_path, monkeypatch):
        least = next(limit for limit in range(100, 10_000, 10) if self.is_saved(tmp_path / "x", limit, monkeypatch))
        assert least > 1000
        assert fields(load_attention(tmp_path / "x")) == fields(filled_store())

    @staticmethod
    def is_saved(path, limit, monkeypatch) -> bool:
        monkeypatch.setattr(attention_files, "_LARGEST_HEADER", limit)
        try:
            save_attention(filled_store(), path, "1")
        except P2PError:
            return False
        return True

    def test_a_version_that_no_one_will_write(self, saved):
        with_header(saved, put(10**3000, "version"))
        with pytest.raises(P2PError, match=r"is damaged: there is no such format"):
            load_attention(saved)

    def test_a_later_version(self, saved):
        with_header(saved, put(2, "version"))
        with pytest.raises(P2PError, match=r"has format 2, this version of the pack reads up to 1: update the pack"):
            load_attention(saved)

    def test_another_safetensors_file(self, tmp_path):
        for metadata in (None, {"format": "pt"}):
            save_file({"a": torch.zeros(2)}, tmp_path / "lora", metadata=metadata)
            with pytest.raises(P2PError, match="lora is no file of attention maps"):
                load_attention(tmp_path / "lora")

    @pytest.mark.parametrize("kept", [0, 4, 8, 100, -1])
    def test_a_truncated_file(self, saved, kept):
        saved.write_bytes(saved.read_bytes()[:kept])
        with pytest.raises(P2PError, match="is no complete safetensors file"):
            load_attention(saved)

    def test_a_pickle_is_not_run(self, tmp_path):
        class Harm:
            def __reduce__(self):
                return (tmp_path.joinpath("harm").mkdir, ())

        (tmp_path / "x").write_bytes(pickle.dumps(Harm()))
        torch.save({"a": torch.zeros(1)}, tmp_path / "y")
        for name in "xy":
            with pytest.raises(P2PError, match="is no complete safetensors file"):
                load_attention(tmp_path / name)
        assert not (tmp_path / "harm").exists()

    @pytest.mark.parametrize(
        "tensor",
        [
            torch.zeros(3, 2, 5, 7),
            torch.zeros(3, 2, 5, 7, dtype=torch.bfloat16),
            torch.zeros(3, 2, 35).half(),
            torch.zeros(2, 3, 5, 7).half(),
            torch.zeros(3, 2, 0, 7).half(),
            torch.zeros(3, 2, 2000, 1).half(),
            torch.full((3, 2, 5, 7), torch.inf).half(),
        ],
        ids=["float32", "bfloat16", "three axes", "axes swapped", "no height", "huge grid", "infinite"],
    )
    def test_a_wrong_tensor(self, saved, tensor):
        self.replace_tensor(saved, "0.maps", tensor)
        with pytest.raises(P2PError, match=r"not of the shape that the header says|hold values that are no numbers"):
            load_attention(saved)

    def test_a_self_map_between_different_grids(self, saved):
        self.replace_tensor(saved, "0.self_map", torch.zeros(3, 4, 4, 3).half())
        with pytest.raises(P2PError, match=r"maps 0\.self_map are not of the shape"):
            load_attention(saved)

    @staticmethod
    def replace_tensor(path, name: str, tensor: torch.Tensor) -> None:
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118, it is no dict
        save_file({**tensors, name: tensor}, path, metadata=metadata)

    def test_a_file_that_is_too_large_is_not_read(self, tmp_path):
        path = tmp_path / "huge"
        with path.open("wb") as file:
            file.truncate(2**32)  # a sparse file, which takes no disk
        with pytest.raises(P2PError, match=r"huge has 4\.0 GiB: no file"):
            load_attention(path)

    def test_no_file_and_a_folder(self, tmp_path):
        with pytest.raises(P2PError, match="x does not exist"):
            load_attention(tmp_path / "x")
        with pytest.raises(P2PError):
            load_attention(tmp_path)

    def test_any_one_changed_byte_of_the_head_gives_a_store_or_a_sentence(self, saved):
        content = saved.read_bytes()
        head_length = 8 + struct.unpack("<Q", content[:8])[0]
        for place in range(0, head_length, 7):
            changed = bytearray(content)
            changed[place] ^= 1 + place % 255
            saved.write_bytes(bytes(changed))
            try:
                store = load_attention(saved)
            except P2PError:
                continue
            assert len(store.recorded().rows) == 3
