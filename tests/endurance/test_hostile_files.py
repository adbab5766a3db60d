"""No file is believed: a store, or one sentence, quickly and with little memory; and nothing in it is ever run."""

import os
import time
from pathlib import Path
from random import Random

import folder_paths
import pytest
from p2p.nodes.attention_files import SUFFIX, P2PLoadAttention
from p2p.p2p_core.attention_files import load_attention, save_attention
from p2p.p2p_core.attention_words import word_columns
from p2p.p2p_core.errors import P2PError
from p2p.tests.changed_files import changed

from . import hostile_files
from .counts import count
from .hostile_measuring import cheap

NAME = f"x{SUFFIX}"
SECONDS = 2
MOST_MEMORY = 128  # MiB above what the process has; the files themselves have up to 100
CHANGED = count(4000, 400)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for name in ("input", "output"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name))
    return tmp_path


@pytest.fixture
def written(tmp_path):
    return hostile_files.content(tmp_path)


def sentence_of(path: Path) -> str:
    with cheap(SECONDS, MOST_MEMORY), pytest.raises(P2PError) as caught:
        load_attention(path)
    sentence = str(caught.value)
    assert path.name in sentence or "hold values that are no numbers" in sentence
    assert "\n" not in sentence and 40 < len(sentence) < 600 and sentence[-1] in ".!?"
    return sentence


def test_a_file_that_was_cut_off_anywhere(written, tmp_path):
    path = tmp_path / NAME
    for part in hostile_files.truncated(written):
        path.write_bytes(part)
        assert "is no complete safetensors file" in sentence_of(path)


def test_files_of_other_kinds(tmp_path):
    trace = tmp_path / "trace"
    for kind, content in hostile_files.foreign(trace).items():
        (tmp_path / NAME).write_bytes(content)
        assert sentence_of(tmp_path / NAME), kind
        assert {path.name for path in tmp_path.iterdir()} == {NAME}, kind


def test_hostile_heads(written, tmp_path):
    for kind, content in hostile_files.hostile(written).items():
        (tmp_path / NAME).write_bytes(content)
        assert sentence_of(tmp_path / NAME), kind


def test_odd_files_that_are_right(written, tmp_path):
    for kind, content in hostile_files.allowed(written).items():
        (tmp_path / NAME).write_bytes(content)
        assert len(load_attention(tmp_path / NAME).recorded().rows) == 2, kind


def test_files_changed_by_chance_give_a_store_or_a_sentence(written, tmp_path):
    path, again, random = tmp_path / NAME, tmp_path / f"again{SUFFIX}", Random(5)
    loaded = 0
    for _ in range(CHANGED):
        path.write_bytes(changed(written, random))
        begun = time.process_time()
        try:
            store = load_attention(path)
        except P2PError:
            continue
        finally:
            assert time.process_time() - begun < SECONDS
        loaded += 1
        check_plausible(store)
        save_attention(store, again, "1")
        assert repr(load_attention(again).recorded().progress) == repr(store.recorded().progress)
    assert 0.02 < loaded / CHANGED < 0.9  # a fuzzer that is always refused, or never, tests nothing


def check_plausible(store) -> None:
    record = store.recorded()
    assert record.rows and record.progress and record.row_count >= 1
    for row in record.rows:
        assert row.maps.ndim == 4 and row.maps.shape[1] == len(row.words) and row.maps.isfinite().all()
        assert all(isinstance(text, str) for text in (*row.words, row.prompt, row.role))
    try:
        word_columns(store)
    except P2PError as error:
        assert len(str(error)) > 20


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes and devices among its files")
def test_what_is_no_file_is_not_opened(folders, tmp_path):
    """A pipe would wait for ever, and a device never end."""
    (tmp_path / f"outside{SUFFIX}").write_bytes(hostile_files.content(tmp_path))
    inputs = tmp_path / "input"
    os.mkfifo(inputs / f"pipe{SUFFIX}")
    (inputs / f"folder{SUFFIX}").mkdir()
    (inputs / f"zero{SUFFIX}").symlink_to("/dev/zero")
    (inputs / f"outside{SUFFIX}").symlink_to(tmp_path / f"outside{SUFFIX}")
    (inputs / f"nowhere{SUFFIX}").symlink_to(inputs / "nothing")
    (inputs / f"circle{SUFFIX}").symlink_to(inputs / f"circle{SUFFIX}")
    for name in ("pipe", "folder", "zero", "outside", "nowhere", "circle"):
        file = f"{name}{SUFFIX}"
        assert P2PLoadAttention.validate_inputs(file=file) is not True, name
        assert P2PLoadAttention.fingerprint_inputs(file=file) == ""
        with cheap(SECONDS, MOST_MEMORY), pytest.raises(P2PError):
            P2PLoadAttention.execute(file=file)
        if name != "outside":
            with cheap(SECONDS, MOST_MEMORY), pytest.raises(P2PError):
                load_attention(inputs / file)
