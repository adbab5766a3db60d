"""The demo itself, with one edit: a real ComfyUI server, its HTTP API, stock sampling, the mini model, the judge."""

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from p2p.development import demo
from p2p.development.edits import EDITS
from p2p.development.host import Host
from p2p.development.server import ServerOptions, running_server

COMFYUI = os.environ.get("P2P_COMFYUI")
pytestmark = pytest.mark.skipif(not COMFYUI, reason="P2P_COMFYUI is not set: run it with dev.py test")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_one_edit_through_the_server(device, tmp_path, monkeypatch, capsys):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA device")
    monkeypatch.setattr(demo, "EDITS", EDITS[:1])
    output = tmp_path / "output"
    output.mkdir()
    options = ServerOptions(tmp_path / "server", cpu=device == "cpu")
    with running_server(Host(Path(COMFYUI), Path(sys.executable)), options) as server:
        assert demo.main(["--url", server.url, "--output", str(output), "--seeds", "2", "--steps", "4"]) == 0
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert report["source_difference"] <= demo.LARGEST_SOURCE_DIFFERENCE
    assert report["edits"][0]["seeds"] == 2
    assert (output / report["edits"][0]["images"][0]).is_file()
    assert capsys.readouterr().out.strip().endswith(str(output))
