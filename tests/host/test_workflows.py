"""Every example workflow, of the browser and of the HTTP API, run by the host's own executor."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import execution
import folder_paths
import numpy as np
import pytest
from p2p.nodes import PromptToPromptExtension
from p2p.tests.template_files import API_WORKFLOWS, FOLDER, TEMPLATES, api_graph
from PIL import Image

import nodes as host_nodes

STEPS = 4
WITHOUT_EDIT = {"plain", "prompt_switching", "attention_maps"}
EDITS = [path for path in (*API_WORKFLOWS, *TEMPLATES) if path.stem not in WITHOUT_EDIT]
LEAST_CHANGE = 8  # in the mean, of 255: half of what the weakest of these edits was measured to do


def identity(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A function that runs a workflow once with few steps and gives its pictures, (h, w, 3) of 0 to 255."""
    folder, known = tmp_path_factory.mktemp("host"), {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("output", "temp"):
            patch.setattr(folder_paths, f"{name}_directory", str(folder / name))
        for node in asyncio.run(PromptToPromptExtension().get_node_list()):
            patch.setitem(host_nodes.NODE_CLASS_MAPPINGS, node.GET_SCHEMA().node_id, node)

        def run(path: Path) -> list[np.ndarray]:
            if path not in known:
                known[path] = [_read(folder, entry) for entry in _run(small(api_graph(path)))]
            return known[path]

        yield run


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
    server = SimpleNamespace(client_id=None, last_node_id=None, send_sync=lambda *_: None)
    executor = execution.PromptExecutor(server, execution.CacheType.CLASSIC, {"lru": 0, "ram": 0.0})
    executor.execute(graph, "run", {}, outputs)
    failures = [message for event, message in executor.status_messages if event == "execution_error"]
    assert not failures, failures[0]["exception_message"]
    return [entry for output in executor.history_result["outputs"].values() for entry in output["images"]]


def _read(folder: Path, entry: dict) -> np.ndarray:
    with Image.open(folder / entry["type"] / entry["subfolder"] / entry["filename"]) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float32)


def change(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).mean())


@pytest.mark.parametrize("path", [*API_WORKFLOWS, *TEMPLATES], ids=identity)
def test_a_workflow_gives_pictures_of_something(path, pictures):
    made = pictures(path)
    assert len(made) == {"two_targets": 3}.get(path.stem, 1 if path.stem in WITHOUT_EDIT else 2)
    for picture in made:
        assert min(picture.shape[:2]) >= 128
        assert picture.std() > 10  # neither black nor one colour


@pytest.mark.parametrize("path", EDITS, ids=identity)
def test_every_target_differs_from_its_source(path, pictures):
    source, *targets = pictures(path)
    for target in targets:
        assert change(source, target) > LEAST_CHANGE


@pytest.mark.parametrize("name", ["word_swap", "refine", "local_blend", "two_targets"])
def test_the_source_is_the_picture_that_stock_nodes_make(name, pictures):
    plain, source = (pictures(FOLDER / "api" / f"{stem}.json")[0] for stem in ("plain", name))
    assert change(plain, source) < 0.01  # batches of another size round differently: 0.0001


@pytest.mark.parametrize("path", [path for path in EDITS if path.parent == FOLDER], ids=identity)
def test_the_browser_and_the_api_make_the_same(path, pictures):
    for one, other in zip(pictures(path), pictures(path.parent / "api" / path.name), strict=True):
        assert change(one, other) == 0
