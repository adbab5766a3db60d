"""What the viewer gets: tiles that are the maps, pictures that are the batch's, and files in the temp folder alone."""

import json
from pathlib import Path

import folder_paths
import numpy as np
import pytest
import torch
from p2p.nodes import attention_viewer
from p2p.nodes.attention_maps import P2PAttentionMaps
from p2p.p2p_core.attention_store import AttentionRecord, AttentionRequest, AttentionStore, RowMaps
from p2p.p2p_core.attention_words import word_columns
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.windows import Window
from PIL import Image

from .test_attention_nodes import pair, pictures, row, store

GRID = (6, 8)


def view_of(attention: AttentionStore, image: torch.Tensor, **inputs) -> dict:
    ui = P2PAttentionMaps.execute(attention=attention, image=image, **inputs).ui
    assert list(ui) == ["p2p_viewer"]
    (view,) = ui["p2p_viewer"]
    return json.loads(json.dumps(view, allow_nan=False))


def opened(picture: dict) -> np.ndarray:
    assert picture["type"] == "temp"
    return np.asarray(Image.open(Path(folder_paths.get_temp_directory()) / picture["subfolder"] / picture["filename"]))


def tile(packed: dict, number: int) -> np.ndarray:
    """As the browser finds it."""
    pixels, size = opened(packed["picture"]), packed["tile"]
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 2
    top, left = (number // size["across"]) * size["height"], (number % size["across"]) * size["width"]
    return pixels[top : top + size["height"], left : left + size["width"]]


def values(view: dict, word: dict, frame: int = 0) -> np.ndarray:
    return tile(view["maps"], word["tile"] + frame) / 255 * word["largest"][frame]


def words_of(view: dict, number: int) -> list[str]:
    return [word["label"] for word in view["rows"][number]["words"]]


def stepwise(steps: int = 5, words: str = "a cat", grid=GRID, **fields) -> AttentionStore:
    maps = torch.rand(steps, len(words.split()), *grid, generator=torch.Generator().manual_seed(1)).half()
    request = AttentionRequest((), "positive", "medium", Window(), keep_steps=True)
    rows = (row(0, words, maps=maps, **fields),)
    return AttentionStore(request, AttentionRecord(rows, tuple(step / steps for step in range(steps))))


def blended(*masks: torch.Tensor | None) -> AttentionStore:
    plain = pair()
    return AttentionStore(plain.request, AttentionRecord(plain.record.rows, plain.record.progress, "", masks))


class TestTiles:
    def test_are_the_maps_to_one_part_in_255(self):
        attention = pair()
        view = view_of(attention, pictures(2))
        for maps, shown in zip(attention.record.rows, view["rows"], strict=True):
            assert [word["label"] for word in shown["words"]] == list(maps.words)
            for map_, word in zip(maps.maps[0].float().numpy(), shown["words"], strict=True):
                found = values(view, word)
                assert found.shape == GRID
                assert word["largest"][0] == pytest.approx(map_.max(), rel=1e-5)
                assert np.abs(found - map_).max() <= map_.max() / 255

    def test_have_the_shape_of_the_latent(self):
        tall = store(row(0, "a cat", grid=(16, 4)))
        view = view_of(tall, pictures(1, 256, 64))
        assert (view["maps"]["tile"]["width"], view["maps"]["tile"]["height"]) == (4, 16)
        assert (
            np.abs(values(view, view["rows"][0]["words"][1]) - tall.record.rows[0].maps[0, 1].numpy()).max() < 1 / 255
        )

    def test_words_that_took_each_others_place_share_a_column(self):
        view = view_of(pair(), pictures(2))
        (source, target) = ([word["column"] for word in shown["words"]] for shown in view["rows"])
        assert source == target == [0, 1, 2, 3]

    def test_only_the_words_that_were_asked_for(self):
        view = view_of(pair(), pictures(2), words="grass, dog")
        assert [words_of(view, number) for number in (0, 1)] == [["grass"], ["grass", "dog"]]

    def test_are_refined_as_the_node_refines(self):
        identity = torch.eye(48).reshape(6, 8, 6, 8)
        spread_out = (identity + torch.rand(6, 8, 6, 8, generator=torch.Generator().manual_seed(2))).half()
        attention = store(row(0, "a cat", self_map=spread_out))
        view = view_of(attention, pictures(1), refine=2)
        expected = word_columns(attention, (), refine=2)[1][0].attention.numpy()
        assert np.abs(values(view, view["rows"][0]["words"][1]) - expected).max() <= expected.max() / 255
        assert not np.allclose(expected, attention.record.rows[0].maps[0, 1].numpy(), atol=0.05)

    @pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
    def test_of_no_attention(self, value):
        view = view_of(store(row(0, "cat", maps=torch.full((1, 1, 4, 4), value).half())), pictures(1))
        word = view["rows"][0]["words"][0]
        assert word["largest"] == [0.0]
        assert not tile(view["maps"], word["tile"]).any()

    def test_of_maps_of_several_grids(self):
        mixed = store(row(0, "a cat"), row(1, "a dog", grid=(3, 4)))
        view = view_of(mixed, pictures(2))
        assert (view["maps"]["tile"]["height"], view["maps"]["tile"]["width"]) == GRID
        small = mixed.record.rows[1].maps[0, 1].float().numpy()
        found = values(view, view["rows"][1]["words"][1])
        assert abs(found[0, 0] - small[0, 0]) < 1 / 255
        assert abs(found[-1, -1] - small[-1, -1]) < 1 / 255


class TestSteps:
    def test_the_mean_and_every_kept_step(self):
        attention = stepwise()
        view = view_of(attention, pictures(1), step=3)
        maps = attention.record.rows[0].maps[:, 1].float().numpy()
        word = view["rows"][0]["words"][1]
        assert [frame["step"] for frame in view["frames"]] == [-1, 0, 1, 2, 3, 4]
        assert view["frames"][4]["progress"] == pytest.approx(0.6)
        assert view["frame"] == 4
        for frame, expected in enumerate([maps.mean(axis=0), *maps]):
            assert np.abs(values(view, word, frame) - expected).max() <= expected.max() / 255

    def test_a_prompt_that_took_no_part_in_a_step(self):
        attention = stepwise()
        whole = attention.record.rows[0]
        late = RowMaps(0, "dim", "negative", "", ("dim",), whole.maps[:2, :1], steps=(3, 4))
        both = AttentionStore(attention.request, AttentionRecord((whole, late), attention.record.progress))
        view = view_of(both, pictures(1))
        words = view["rows"][0]["words"]
        assert [word["label"] for word in words] == ["a", "cat", "dim (negative)"]
        assert [value is None for value in words[2]["largest"]] == [False, True, True, True, False, False]
        assert view["rows"][0]["prompts"] == [
            {"side": "positive", "text": "a cat"},
            {"side": "negative", "text": "dim"},
        ]
        assert [word["prompt"] for word in words] == [0, 0, 1]
        assert np.abs(values(view, words[2], 4) - whole.maps[0, 0].numpy()).max() < 1 / 255

    def test_more_than_the_atlas_holds_are_thinned_evenly(self, monkeypatch):
        monkeypatch.setattr(attention_viewer, "_MOST_PIXELS", 2 * 48 * 5)
        view = view_of(stepwise(9), pictures(1), step=4)
        assert [frame["step"] for frame in view["frames"]] == [-1, 0, 3, 5, 8]
        assert view["steps_kept"] == 9
        assert view["frame"] in (2, 3)
        assert opened(view["maps"]["picture"]).size <= 2 * 48 * 6
        assert all(len(word["largest"]) == 5 for word in view["rows"][0]["words"])

    def test_only_the_mean_where_there_is_room_for_no_more(self, monkeypatch):
        monkeypatch.setattr(attention_viewer, "_MOST_PIXELS", 2 * 48)
        view = view_of(stepwise(9), pictures(1), step=4)
        assert [frame["step"] for frame in view["frames"]] == [-1]
        assert (view["steps_kept"], view["frame"]) == (9, 0)

    def test_maps_that_do_not_fit_are_made_smaller(self, monkeypatch):
        monkeypatch.setattr(attention_viewer, "_MOST_PIXELS", 48)
        view = view_of(stepwise(2), pictures(1))
        size = view["maps"]["tile"]
        assert (size["height"], size["width"]) == (4, 5)

    def test_more_words_than_the_atlas_holds_are_counted(self, monkeypatch):
        monkeypatch.setattr(attention_viewer, "_MOST_TILES", 6)
        view = view_of(pair(), pictures(2))
        assert view["words_left_out"] == 1
        assert words_of(view, 1) == ["a", "dog", "on"]


class TestPictures:
    def test_are_those_of_the_batch(self):
        image = pictures(2, 40, 56)
        view = view_of(pair(), image)
        for shown, picture in zip(view["rows"], image.numpy(), strict=True):
            assert np.abs(opened(shown["picture"]) / 255 - picture).max() <= 0.5 / 255 + 1e-6

    def test_know_their_roles_and_prompts(self):
        shown = view_of(pair(), pictures(2))["rows"]
        assert [one["role"] for one in shown] == ["source", "target 1"]
        assert [one["prompts"][0]["text"] for one in shown] == ["a cat on grass", "a dog on grass"]

    def test_start_as_the_node_is_set(self):
        view = view_of(pair(), pictures(2), scale="shared", opacity=0.25)
        assert (view["scale"], view["opacity"]) == ("shared", 0.25)

    @pytest.mark.parametrize("channels", [1, 4])
    def test_grey_and_transparent(self, channels):
        view = view_of(pair(), torch.rand(2, 8, 8, channels))
        assert opened(view["rows"][0]["picture"]).shape == (8, 8, 3)


class TestMasks:
    def test_are_those_of_the_record(self):
        mask = torch.arange(12 * 16).reshape(12, 16) % 5 == 0
        view = view_of(blended(None, mask), pictures(2))
        assert view["mask_tiles"] == [None, 0]
        assert np.array_equal(tile(view["blend_masks"], 0), mask.numpy() * 255)

    def test_none_without_a_blend(self):
        view = view_of(pair(), pictures(2))
        assert view["blend_masks"] is None
        assert view["mask_tiles"] == [None, None]

    def test_of_another_number_of_rows(self):
        """A loaded file may say so, and rows without words are not counted by the record."""
        mask = torch.ones(2, 2).bool()
        assert view_of(blended(mask), pictures(2))["mask_tiles"] == [0, None]
        assert view_of(blended(None, mask, mask), pictures(2))["mask_tiles"] == [None, 0]


class TestFiles:
    def test_lie_in_the_temp_folder_alone_and_never_in_each_others_place(self, tmp_path, monkeypatch):
        for name in ("input", "output", "temp"):
            monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name))
        views = [view_of(blended(None, torch.ones(4, 4).bool()), pictures(2)) for _ in range(2)]
        named = [
            picture["filename"]
            for view in views
            for picture in (
                view["maps"]["picture"],
                view["blend_masks"]["picture"],
                *(r["picture"] for r in view["rows"]),
            )
        ]
        assert len(set(named)) == 8
        assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")) == sorted(
            f"temp/{name}" for name in named
        )

    def test_nothing_names_a_place_on_the_machine(self, tmp_path, monkeypatch):
        monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))
        assert str(tmp_path) not in json.dumps(view_of(pair(), pictures(2)))

    def test_a_folder_that_cannot_be_written(self, tmp_path, monkeypatch):
        (tmp_path / "taken").touch()
        monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path / "taken"))
        with pytest.raises(P2PError, match=r"cannot be written to ComfyUI's temp folder: .*Make room on the disk"):
            view_of(pair(), pictures(2))

    def test_long_texts_are_cut(self):
        long = store(row(0, "x" * 10**5, words=("y" * 10**5, "half \ud83d"), maps=torch.rand(1, 2, 4, 4).half()))
        view = view_of(long, pictures(1))
        assert len(json.dumps(view)) < 10_000


def test_the_node_runs_by_itself():
    assert P2PAttentionMaps.GET_SCHEMA().is_output_node
