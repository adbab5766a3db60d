"""Every example workflow, of the browser and of the HTTP API, run by the host's own executor."""

import asyncio
from pathlib import Path

import execution
import folder_paths
import numpy as np
import pytest
from p2p.nodes import PromptToPromptExtension
from p2p.tests.template_files import (
    API_WORKFLOWS,
    CHECKPOINT_TEMPLATES,
    FOLDER,
    MINI_TEMPLATES,
    api_graph,
    api_twin,
    name_of,
)
from PIL import Image

import nodes as host_nodes

from .executors import new_executor

STEPS = 4
ONE_PICTURE = {"plain", "prompt_switching", "attention_maps", "maps_of_a_prompt", "guidance"}
THREE_PICTURES = {"two_targets", "record_replay", "adjust_record", "with_controlnet"}
RUN = [*API_WORKFLOWS, *MINI_TEMPLATES]
EDITS = [path for path in RUN if name_of(path) not in ONE_PICTURE]
STOCK_EXTRAS = ("nodes_mask",)  # nodes of ComfyUI's own that a server adds when it starts
LEAST_CHANGE = 8  # in the mean, of 255: half of what the weakest of these edits was measured to do


def identity(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A host that has the pack's nodes, and an output folder for the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder_paths, "output_directory", str(tmp_path_factory.mktemp("output")))
        ours = asyncio.run(PromptToPromptExtension().get_node_list())
        known = {**host_nodes.NODE_CLASS_MAPPINGS, **{node.GET_SCHEMA().node_id: node for node in ours}}
        patch.setattr(host_nodes, "NODE_CLASS_MAPPINGS", known)
        for name in STOCK_EXTRAS:
            file = Path(host_nodes.__file__).parent / "comfy_extras" / f"{name}.py"
            assert asyncio.run(host_nodes.load_custom_node(str(file), module_parent="comfy_extras"))
        yield


@pytest.fixture(scope="module")
def pictures(host):
    """A function that runs a workflow once with few steps and gives its pictures, (h, w, 3) of 0 to 255."""
    known = {}

    def run(path: Path) -> list[np.ndarray]:
        if path not in known:
            known[path] = made_by(small(api_graph(path)))
        return known[path]

    return run


def made_by(graph: dict) -> list[np.ndarray]:
    return [_read(entry) for entry in _run(graph)]


def small(graph: dict) -> dict:
    """One picture of few steps."""
    for node in graph.values():
        changes = {"KSampler": {"steps": STEPS}, "EmptyLatentImage": {"batch_size": 1}}.get(node["class_type"], {})
        node["inputs"].update(changes)
    return graph


def _run(graph: dict) -> list[dict]:
    """Queue the graph as a server does that has just started, and return where the pictures lie."""
    accepted, error, outputs, node_errors = asyncio.run(execution.validate_prompt("run", graph, None))
    assert accepted and not node_errors, (error, node_errors)
    executor = new_executor()
    executor.execute(graph, "run", {}, outputs)
    failures = [message for event, message in executor.status_messages if event == "execution_error"]
    assert not failures, failures[0]["exception_message"]
    made = executor.history_result["outputs"]
    return [entry for node in sorted(made, key=int) for entry in made[node].get("images", [])]


def _read(entry: dict) -> np.ndarray:
    folder = Path(folder_paths.get_directory_by_type(entry["type"]))
    with Image.open(folder / entry["subfolder"] / entry["filename"]) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float32)


def change(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).mean())


@pytest.mark.parametrize("path", RUN, ids=identity)
def test_a_workflow_gives_pictures_of_something(path, pictures):
    made = pictures(path)
    usual = 1 if name_of(path) in ONE_PICTURE else 2
    assert len(made) == (3 if name_of(path) in THREE_PICTURES else usual)
    for picture in made:
        assert min(picture.shape[:2]) >= 128
        assert picture.std() > 10  # neither black nor one colour


@pytest.mark.parametrize("path", EDITS, ids=identity)
def test_every_target_differs_from_its_source(path, pictures):
    source, *targets = pictures(path)
    same_size = [target for target in targets if target.shape == source.shape]  # the others show attention
    assert same_size
    for target in same_size:
        assert change(source, target) > LEAST_CHANGE


@pytest.mark.parametrize("name", ["word_swap", "refine", "local_blend", "two_targets"])
def test_the_source_is_the_picture_that_stock_nodes_make(name, pictures, host):
    path = FOLDER / "api" / f"{name}.json"
    plain = small(api_graph(FOLDER / "api" / "plain.json"))
    prompt, sampler, settings = plain["2"], plain["5"], small(api_graph(path))
    prompt["inputs"]["text"] = settings["2"]["inputs"]["text"]
    sampler["inputs"]["seed"] = next(
        node["inputs"]["seed"] for node in settings.values() if node["class_type"] == "KSampler"
    )
    (alone,) = made_by(plain)
    assert change(alone, pictures(path)[0]) < 0.01  # batches of another size round differently: 0.0001


@pytest.mark.parametrize("path", MINI_TEMPLATES, ids=identity)
def test_the_browser_and_the_api_make_the_same(path, pictures):
    for one, other in zip(pictures(path), pictures(api_twin(path)), strict=True):
        assert change(one, other) == 0


@pytest.mark.parametrize("path", CHECKPOINT_TEMPLATES, ids=identity)
def test_the_host_accepts_a_checkpoint_template_where_its_files_are(path, host, monkeypatch):
    """Every value is one that the host's nodes take. Nothing runs: the files are too large for a test."""
    graph = api_graph(path)
    files = [value for node in graph.values() for value in node["inputs"].values() if str(value).endswith("tensors")]
    monkeypatch.setattr(folder_paths, "get_filename_list", lambda _: files)
    accepted, error, _, node_errors = asyncio.run(execution.validate_prompt("check", graph, None))
    assert accepted and not node_errors, (error, node_errors)
