"""How much of a noun's attention lies on its object, from files that the pack itself writes."""

import math

import numpy
import pytest
import torch
from p2p.development.attention import START, graph_of, maps_of_word, means, name_of, ratios
from p2p.development.edits import MORE_SEEN, SEEN
from p2p.development.graphs import Batch, Settings
from p2p.development.studio import Shot

from .conftest import attention_file


def picture():
    return numpy.zeros((32, 32, 3), numpy.uint8)


def test_maps_come_in_the_order_of_the_pictures(tmp_path):
    maps = torch.rand(3, 2, 4, 4)
    file = attention_file(tmp_path / "maps.safetensors", maps, ["red", "car"])
    assert torch.allclose(maps_of_word(file, "car"), maps[:, 1], atol=1e-3)


def test_a_word_that_was_not_recorded(tmp_path):
    file = attention_file(tmp_path / "maps.safetensors", torch.rand(1, 1, 4, 4), ["car"])
    with pytest.raises(KeyError):
        maps_of_word(file, "cat")


def test_ratios_of_a_map_with_a_floor(judge):
    maps = torch.ones(2, 4, 4)
    maps[:, :2, :2] = 3
    found = ratios(maps, Shot([picture()] * 2, judge))
    assert found["largest"] == 4
    assert 1.8 < found["raw"] < 2  # 2 before it is enlarged, which blurs its edge
    assert 3 < found["floor_free"] < 4


def test_ratios_without_a_judge():
    assert set(ratios(torch.ones(1, 4, 4), Shot([picture()], None)).values()) == {None}


def test_means_leave_out_what_is_missing():
    entries = [{"raw": 2.0, "floor_free": None, "largest": 4.0}, {"raw": 3.0, "floor_free": None, "largest": math.nan}]
    assert means(entries) == {"raw": 2.5, "floor_free": None, "largest": 4.0}


def test_scenes_are_recorded_from_the_stated_start():
    graph = graph_of(SEEN[0])(Batch(1, 2), Settings(4))
    store = next(node for node in graph.values() if node["class_type"] == "P2PAttentionStore")
    assert (store["inputs"]["start"], store["inputs"]["words"]) == (START, SEEN[0].object)
    names = [name_of(scene) for scene in SEEN + MORE_SEEN]
    assert len(set(names)) == len(names)
    assert all(" " not in name for name in names)
