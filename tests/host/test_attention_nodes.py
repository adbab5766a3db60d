"""The nodes that show, save and load attention, on stores whose values are known."""

import os

import folder_paths
import pytest
import torch
from p2p.nodes.attention_files import PACK_VERSION, SUFFIX, P2PLoadAttention, P2PSaveAttention
from p2p.nodes.attention_maps import LAYOUTS, SCALES, P2PAttentionMaps
from p2p.p2p_core.attention_pictures import mask_of
from p2p.p2p_core.attention_store import AttentionRecord, AttentionRequest, AttentionStore, RowMaps
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.windows import Window

from .graph import outputs

LATENT = {"samples": torch.zeros(1, 4, 8, 8)}


def row(number: int, prompt: str, grid=(6, 8), **fields) -> RowMaps:
    words = tuple(prompt.split())
    maps = torch.rand(1, len(words), *grid, generator=torch.Generator().manual_seed(number)).half()
    return RowMaps(
        **{"row": number, "prompt": prompt, "side": "positive", "role": "", "words": words, "maps": maps, **fields}
    )


def store(*rows: RowMaps) -> AttentionStore:
    request = AttentionRequest((), "positive", "medium", Window(), keep_steps=False)
    return AttentionStore(request, AttentionRecord(rows, (0.5,)) if rows else None)


def pair() -> AttentionStore:
    return store(row(0, "a cat on grass", role="source"), row(1, "a dog on grass", role="target 1"))


def pictures(count: int, height: int = 96, width: int = 128) -> torch.Tensor:
    return torch.rand(count, height, width, 3, generator=torch.Generator().manual_seed(5))


def shown(store: AttentionStore, image: torch.Tensor, **inputs):
    return outputs(P2PAttentionMaps, attention=store, image=image, **inputs)


class TestMaps:
    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("scale", SCALES)
    @pytest.mark.parametrize("words", ["", "dog", "grass, a cat"])
    def test_every_layout_is_a_picture(self, layout, scale, words):
        overlay, masks = shown(pair(), pictures(2), words=words, layout=layout, scale=scale)
        assert overlay.ndim == 4
        assert overlay.shape[-1] == 3
        assert overlay.dtype == masks.dtype == torch.float32
        assert 0 <= overlay.min() < overlay.max() <= 1

    def test_the_sheet_has_a_line_per_picture_and_a_tile_per_word(self):
        """128×96 is enlarged to 256×192; a strip of text and a gap come to it."""
        overlay, _ = shown(pair(), pictures(2))
        _, height, width, _ = overlay.shape
        assert overlay.shape[0] == 1
        assert width == 5 * 256 + 4 * 4
        assert 2 * 192 < height < 2 * 240

    def test_a_long_line_is_broken(self):
        overlay, _ = shown(store(row(0, " ".join(f"w{n}" for n in range(12)))), pictures(1))
        assert overlay.shape[2] == 7 * 256 + 6 * 4

    def test_the_sheet_shows_the_picture_first(self):
        overlay, _ = shown(store(row(0, "cat")), torch.ones(1, 96, 128, 3), opacity=1.0)
        assert overlay[0, -190:, :256].min() > 0.99
        assert overlay[0, -190:, -256:].mean() < 0.7

    def test_one_word_is_a_batch_of_the_pictures_size(self):
        image = pictures(2)
        overlay, _ = shown(pair(), image, words="cat, dog", layout="one word")
        assert overlay.shape == image.shape
        assert not torch.equal(overlay[0], image[0])
        assert torch.equal(overlay[1], image[1])  # its prompt has no cat

    def test_a_blend_has_a_legend_and_small_pictures_are_enlarged(self):
        overlay, _ = shown(pair(), pictures(2), layout="blend")
        count, height, width, _ = overlay.shape
        assert (count, width) == (2, 4 * 128)
        assert 4 * 96 < height < 4 * 96 + 100
        large, _ = shown(pair(), pictures(2, 400, 600), layout="blend")
        assert large.shape[2] == 600

    def test_masks_are_word_by_word_and_picture_by_picture(self):
        attention = pair()
        _, masks = shown(attention, pictures(2), words="dog, grass", threshold=0.7)
        assert masks.shape == (4, 96, 128)
        source, target = attention.record.rows
        assert not masks[0].any()  # the source has no dog
        for mask, maps, word in ((masks[1], target, 1), (masks[2], source, 3), (masks[3], target, 3)):
            assert torch.equal(mask, mask_of(maps.maps[0, word].float(), 0.7, 96, 128))
            assert mask.any()

    def test_a_swapped_word_shares_the_place_of_the_old_one(self):
        assert shown(pair(), pictures(2))[1].shape[0] == 2 * 4

    @pytest.mark.parametrize(("height", "width"), [(64, 256), (256, 64), (72, 104), (33, 47)])
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_pictures_of_any_shape(self, layout, height, width):
        overlay, masks = shown(pair(), pictures(2, height, width), layout=layout)
        assert masks.shape == (8, height, width)
        assert overlay.shape[0] == (1 if layout == "grid" else 2)

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("channels", [1, 4])
    def test_grey_and_transparent_pictures(self, layout, channels):
        overlay, _ = shown(pair(), torch.rand(2, 96, 128, channels), layout=layout)
        assert overlay.shape[-1] == 3

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_words_that_no_font_foresaw(self, layout):
        odd = ("two\nlines", "\t", "half \ud83d", "猫" * 500, "🐱", "x" * 100_000)
        maps = torch.rand(1, len(odd), 4, 4).half()
        overlay, masks = shown(store(row(0, "", words=odd, maps=maps)), pictures(1), layout=layout)
        assert masks.shape[0] == len(odd)
        assert overlay.shape[2] <= 7 * 256 + 6 * 4

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
    def test_maps_of_no_attention(self, layout, value):
        overlay, masks = shown(
            store(row(0, "cat", maps=torch.full((1, 1, 4, 4), value).half())), pictures(1), layout=layout
        )
        assert overlay.isfinite().all()
        assert not masks.any()

    def test_inputs_are_not_changed(self):
        image, attention = pictures(2), pair()
        before = image.clone(), [row.maps.clone() for row in attention.record.rows]
        for layout in LAYOUTS:
            shown(attention, image, layout=layout, opacity=0.0)
        assert torch.equal(image, before[0])
        assert all(torch.equal(row.maps, maps) for row, maps in zip(attention.record.rows, before[1], strict=True))


class TestMapsRefuse:
    def test_an_empty_store(self):
        with pytest.raises(P2PError, match="The attention store is empty"):
            shown(store(), pictures(1))

    @pytest.mark.parametrize("count", [1, 3])
    def test_another_number_of_pictures(self, count):
        with pytest.raises(P2PError, match=rf"of a batch of 2, but image has {count} pictures?: connect the whole"):
            shown(pair(), pictures(count))

    def test_an_unknown_word(self):
        with pytest.raises(P2PError, match=r'No map of "horse".*a, cat, on, grass, dog'):
            shown(pair(), pictures(2), words="horse")

    def test_a_text_that_is_no_list_of_words_before_anything_runs(self):
        assert "occurrence 0" in P2PAttentionMaps.validate_inputs(words="cat, dog#0")
        assert P2PAttentionMaps.validate_inputs(words="cat, dog#2") is True
        assert P2PAttentionMaps.validate_inputs(words=None) is True

    def test_a_sheet_of_too_many_tiles(self):
        many = store(*[row(n, " ".join(f"w{k}" for k in range(400)), grid=(1, 1)) for n in range(40)])
        with pytest.raises(P2PError, match=r"A contact sheet of \d+ tiles is too large: name the words"):
            shown(many, pictures(40, 8, 8))

    def test_masks_that_no_memory_holds(self):
        many = store(*[row(n, " ".join(f"w{k}" for k in range(300)), grid=(1, 1)) for n in range(4)])
        with pytest.raises(P2PError, match=r"1200 masks of 4096×2048 would take 38 GiB: name the words"):
            shown(many, torch.zeros(1, 1, 1, 1).expand(4, 2048, 4096, 3))


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The folders of the host, empty."""
    for name in ("input", "output", "temp"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name))
    return tmp_path


def saved(prefix: str, attention=None) -> dict:
    node = P2PSaveAttention.execute(attention=attention or pair(), latent=LATENT, filename_prefix=prefix)
    return node.ui["attention"][0]


def same(first: AttentionStore, second: AttentionStore) -> bool:
    pairs = list(zip(first.record.rows, second.record.rows, strict=True))
    texts = all(
        (a.row, a.prompt, a.side, a.role, a.words) == (b.row, b.prompt, b.side, b.role, b.words) for a, b in pairs
    )
    return first.request == second.request and texts and all(torch.equal(a.maps, b.maps) for a, b in pairs)


class TestFiles:
    def test_saved_and_loaded_it_is_the_same_and_can_be_shown(self, folders):
        place = saved("attention/maps")
        assert place == {"filename": f"maps_00001_{SUFFIX}", "subfolder": "attention", "type": "output"}
        loaded = outputs(P2PLoadAttention, file=f"attention/maps_00001_{SUFFIX} [output]")[0]
        assert same(loaded, pair())
        image = pictures(2)
        for now, then in zip(shown(loaded, image), shown(pair(), image), strict=True):
            assert torch.equal(now, then)

    def test_files_are_numbered_like_pictures(self, folders):
        names = [saved("x")["filename"] for _ in range(3)]
        assert names == [f"x_0000{number}_{SUFFIX}" for number in (1, 2, 3)]
        assert sorted(os.listdir(folders / "output")) == names

    def test_patterns_of_the_host(self, folders):
        assert "%" not in saved("%year%-%month%/maps")["subfolder"]

    def test_both_folders_are_offered(self, folders):
        saved("deep/er/maps")
        (folders / "output" / "lora.safetensors").touch()
        (folders / "input" / f"mine{SUFFIX}").touch()
        options = P2PLoadAttention.INPUT_TYPES()["required"]["file"]
        offered = options[1]["options"] if "options" in options[1] else options[0]
        assert offered == [f"mine{SUFFIX}", f"deep/er/maps_00001_{SUFFIX} [output]"]

    def test_every_offered_file_is_accepted(self, folders):
        saved("deep/maps")
        os.rename(folders / "output" / "deep" / f"maps_00001_{SUFFIX}", folders / "input" / f"mine{SUFFIX}")
        saved("maps")
        for name in (f"mine{SUFFIX}", f"mine{SUFFIX} [input]", f"maps_00001_{SUFFIX} [output]"):
            assert P2PLoadAttention.validate_inputs(file=name) is True
            assert same(outputs(P2PLoadAttention, file=name)[0], pair())

    def test_a_changed_file_is_loaded_again(self, folders):
        name = f"x_00001_{SUFFIX} [output]"
        missing = P2PLoadAttention.fingerprint_inputs(file=name)
        saved("x")
        first = P2PLoadAttention.fingerprint_inputs(file=name)
        assert first == P2PLoadAttention.fingerprint_inputs(file=name) != missing
        os.remove(folders / "output" / f"x_00001_{SUFFIX}")
        saved("x", store(row(0, "another")))
        assert P2PLoadAttention.fingerprint_inputs(file=name) != first

    def test_the_version_in_the_files_is_that_of_the_pack(self):
        from pathlib import Path

        project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
        assert f'version = "{PACK_VERSION}"' in project


class TestFilesRefuse:
    @pytest.mark.parametrize("prefix", ["../x", "a/../../x", "/tmp/x", "..", "a/..", "", "  ", "folder/", "a\0b"])
    def test_a_prefix_outside_the_output_folder_or_without_a_name(self, folders, prefix):
        with pytest.raises(P2PError, match=r"The filename_prefix .*such as \"edits/cat\"|can be made"):
            saved(prefix)
        assert not list(folders.glob("**/*safetensors*"))

    def test_a_folder_that_is_a_file(self, folders):
        (folders / "output" / "taken").touch()
        with pytest.raises(P2PError, match='No folder for the filename_prefix "taken/x" can be made'):
            saved("taken/x")

    def test_an_empty_store(self, folders):
        with pytest.raises(P2PError, match="The attention store is empty"):
            saved("x", store())
        assert not list(folders.glob("output/*"))

    @pytest.mark.parametrize(
        "name",
        [
            f"../secret{SUFFIX}",
            f"../secret{SUFFIX} [output]",
            f"a/../../secret{SUFFIX}",
            f"..\\secret{SUFFIX}",
            f"link/secret{SUFFIX}",
            f"../input_not/secret{SUFFIX}",
        ],
    )
    def test_a_name_that_leaves_the_folders(self, folders, name):
        saved("secret")
        for place in (folders, folders / "input_not"):
            place.mkdir(exist_ok=True)
            (place / f"secret{SUFFIX}").write_bytes((folders / "output" / f"secret_00001_{SUFFIX}").read_bytes())
        (folders / "input" / "link").symlink_to(folders, target_is_directory=True)
        (folders / "input" / "a").mkdir()
        assert "is outside the" in P2PLoadAttention.validate_inputs(file=name)
        with pytest.raises(P2PError, match="is outside the"):
            P2PLoadAttention.execute(file=name)

    def test_an_absolute_name(self, folders):
        (folders / f"secret{SUFFIX}").touch()
        with pytest.raises(P2PError, match="is outside the input folder"):
            P2PLoadAttention.execute(file=str(folders / f"secret{SUFFIX}"))

    @pytest.mark.parametrize(
        "name", ["", "x", "x.safetensors", "[output]", "x.attention.safetensors.exe", f"\0{SUFFIX}"]
    )
    def test_a_name_of_another_kind(self, folders, name):
        with pytest.raises(P2PError, match="is no file of this kind: choose one"):
            P2PLoadAttention.execute(file=name)

    def test_no_such_file(self, folders):
        (folders / "input" / f"folder{SUFFIX}").mkdir()
        for name in ("gone", "folder"):
            with pytest.raises(P2PError, match=f'There is no file "{name}{SUFFIX}" in the input folder'):
                P2PLoadAttention.execute(file=name + SUFFIX)
            assert P2PLoadAttention.validate_inputs(file=name + SUFFIX) != True  # noqa: E712, a sentence is truthy
            assert P2PLoadAttention.fingerprint_inputs(file=name + SUFFIX) == ""

    def test_a_damaged_file(self, folders):
        (folders / "input" / f"x{SUFFIX}").write_bytes(b"not safetensors")
        with pytest.raises(P2PError, match="is no complete safetensors file"):
            P2PLoadAttention.execute(file=f"x{SUFFIX}")
