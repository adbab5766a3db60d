"""What a killed process left goes at the next save, and nothing else does."""

import os
import time
from pathlib import Path

import pytest
from p2p.p2p_core.part_files import part_of, remove_stale_parts

SUFFIX = ".attention.safetensors"
LEFT = part_of(Path(f"maps_00001_{SUFFIX}")).name
HOUR = 3600


def written(path: Path, hours_ago: float) -> Path:
    path.write_bytes(b"half")
    then = time.time() - hours_ago * HOUR
    os.utime(path, (then, then))
    return path


@pytest.mark.parametrize("name", [LEFT, f"other_12345_{SUFFIX}.part", f"a\n_100000_{SUFFIX}.part"])
def test_an_old_part_is_removed(tmp_path, name):
    part = written(tmp_path / name, 1.1)
    remove_stale_parts(tmp_path, SUFFIX)
    assert not part.exists()


def test_a_part_that_may_still_be_written_stays(tmp_path):
    part = written(tmp_path / LEFT, 0.9)
    remove_stale_parts(tmp_path, SUFFIX)
    assert part.exists()


@pytest.mark.parametrize(
    "name",
    [
        f"maps_00001_{SUFFIX}",
        f"maps{SUFFIX}.part",
        f"maps_00001_{SUFFIX}.part.part",
        "maps_00001_.attentionXsafetensors.part",
        "maps_00001_.png.part",
    ],
)
def test_files_of_others_stay(tmp_path, name):
    file = written(tmp_path / name, 1000)
    remove_stale_parts(tmp_path, SUFFIX)
    assert file.exists()


def test_links_folders_and_what_lies_deeper_stay(tmp_path):
    folder, outside = tmp_path / "output", tmp_path / "outside"
    for made in (folder, outside, folder / "deeper", folder / f"folder_{LEFT}"):
        made.mkdir()
    aim = written(outside / LEFT, 1000)
    (folder / LEFT).symlink_to(aim)
    (folder / f"to_folder_{LEFT}").symlink_to(outside)
    deeper = written(folder / "deeper" / LEFT, 1000)
    for path in (folder / LEFT, folder / f"to_folder_{LEFT}", folder / f"folder_{LEFT}"):
        os.utime(path, (0, 0), follow_symlinks=False)
    before = sorted(tmp_path.rglob("*"))
    remove_stale_parts(folder, SUFFIX)
    assert sorted(tmp_path.rglob("*")) == before
    assert aim.read_bytes() == deeper.read_bytes() == b"half"


def test_a_folder_that_is_not_there_or_not_to_be_read(tmp_path):
    remove_stale_parts(tmp_path / "none", SUFFIX)
    remove_stale_parts(written(tmp_path / "file", 0), SUFFIX)
