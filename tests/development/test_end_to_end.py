"""The demo itself, an edit of every kind: a real ComfyUI, its HTTP API, stock sampling, the mini model, the judge."""

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from p2p.development import demo, edits, goals, trials
from p2p.development.host import Host
from p2p.development.server import ServerOptions, running_server

COMFYUI = os.environ.get("P2P_COMFYUI")
pytestmark = pytest.mark.skipif(not COMFYUI, reason="P2P_COMFYUI is not set: run it with dev.py test")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_kind_through_the_server(device, tmp_path, monkeypatch, capsys):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA device")
    made = [
        trials.swap(edits.EDITS[0]),
        trials.addition(edits.ADDITIONS[0]),
        trials.fading(edits.FADED[0], -1),
        trials.moving(edits.MOVED[0], edits.SHIFTS[0]),
        *trials.together(edits.PAIRS[0]),
    ]
    monkeypatch.setattr(demo, "all_trials", lambda full: trials.by_source(made))
    monkeypatch.setattr(edits, "SEEN", edits.SEEN[:1])
    output = tmp_path / "output"
    output.mkdir()
    options = ServerOptions(tmp_path / "server", cpu=device == "cpu")
    with running_server(Host(Path(COMFYUI), Path(sys.executable)), options) as server:
        assert demo.main(["--url", server.url, "--output", str(output), "--seeds", "2", "--steps", "4"]) == 0
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert report["source_difference"] <= demo.LARGEST_SOURCE_DIFFERENCE
    assert set(report["sections"]) == {*demo.KINDS} - {"maps", "record", "adjust", "guidance"}
    for entry in [*report["edits"], *report["maps"]]:
        assert all((output / image).is_file() for image in entry["images"])
    assert all(entry["seeds"] == 2 for entry in report["edits"])
    both = [entry for entry in report["edits"] if "together" in entry["kinds"]]
    assert max(entry["alone_difference_together"] for entry in both) <= demo.LARGEST_SOURCE_DIFFERENCE
    assert report["record"]["psnr"] >= goals.RECORD
    assert {entry["success"] is not None for part in report["adjusted"] for entry in part["edits"]} == {True}
    assert 1 < report["maps"][0]["raw"] < report["maps"][0]["largest"]
    assert capsys.readouterr().out.strip().endswith(str(output))
