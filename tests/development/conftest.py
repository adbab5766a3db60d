"""A judge and a server of made-up pictures, for the demo without a ComfyUI."""

from collections import namedtuple

import numpy
import pytest
import torch
from p2p.development import graphs
from p2p.development.client import Result
from p2p.p2p_core.attention_files import save_attention
from p2p.p2p_core.attention_store import AttentionRecord, AttentionRequest, AttentionStore, RowMaps
from p2p.p2p_core.windows import Window

Verdict = namedtuple(
    "Verdict", "object_probability colour_probability background_probability mask object_masks object_colours"
)
SIZE = 32
SOURCE_SHADE = 10


def attention_file(path, maps, words):
    """Write maps (rows, words, height, width) as P2P Save Attention does, and return the bytes."""
    request = AttentionRequest(tuple(words), "both", "medium", Window(0.5, 1), False)
    rows = [
        RowMaps(number, "a prompt", side, "", tuple(words), (row if side == "positive" else 1 - row)[None].half())
        for number, row in reversed(list(enumerate(maps)))  # the order in the file means nothing
        for side in ("positive", "negative")
    ]
    save_attention(AttentionStore(request, AttentionRecord(tuple(rows), (0.7,))), path, "0")
    return path.read_bytes()


@pytest.fixture
def judge():
    """See the first class of everything, and an object in the upper left quarter."""

    def see(images):
        mask = torch.zeros(images.shape[:3])
        mask[:, : SIZE // 2, : SIZE // 2] = 1
        first = torch.eye(1, 6).expand(len(images), 6)
        objects = mask[:, None].expand(-1, 12, -1, -1)
        return Verdict(first, first, first, mask, objects, first[:, None].expand(-1, 12, -1))

    return see


class StandInClient:
    """Gives grey pictures: the source's of one shade, and others by the place in the group and the graph's length."""

    def __init__(self, folder, edited_source=0):
        self.folder = folder
        self.edited_source = edited_source  # what Prompt-to-Prompt adds to the source: an error
        self.sent = []

    async def run(self, graph, label):
        self.sent.append(graph)
        classes = [node["class_type"] for node in graph.values()]
        group = 3 if "P2PCombine" in classes else 2 if "P2PApply" in classes else 1
        if "P2PRecord" in classes:
            group = 1
        rows = graph[graphs.find(graph, "EmptyLatentImage")]["inputs"]["batch_size"]
        shade = SOURCE_SHADE if group == 1 else SOURCE_SHADE + self.edited_source
        pictures = [
            numpy.full((SIZE, SIZE, 3), shade if place == 0 else shade + 10 * place, numpy.uint8)
            for _ in range(rows)
            for place in range(group)
        ]
        nodes, files = {"save": pictures}, []
        if "P2PAttentionMaps" in classes:
            nodes = {graphs.find(graph, name): pictures for name in ("SaveImage", "PreviewImage")}
            word = graph[graphs.find(graph, "P2PAttentionMaps")]["inputs"]["words"]
            files = [attention_file(self.folder / "maps.safetensors", torch.ones(rows, 1, 4, 4), [word])]
        return Result(nodes, 1.5, files)

    async def get_json(self, path):
        return {"system": {"comfyui_version": "0.3.75"}, "devices": [{"name": "cpu"}], "known": True}

    async def __aenter__(self):
        return self

    async def __aexit__(self, *failure):
        pass


@pytest.fixture
def stand_in(tmp_path_factory):
    return StandInClient(tmp_path_factory.mktemp("server"))
