"""The templates of the browser: pairs of one graph, whole, placed without overlaps, with notes and thumbnails."""

import json
from itertools import combinations
from pathlib import Path

import pytest
from p2p.tests.template_files import (
    API_WORKFLOWS,
    CHECKPOINT_TEMPLATES,
    FOLDER,
    FRONT_END_ONLY,
    MINI_TEMPLATES,
    TEMPLATES,
    api_graph,
    api_twin,
    name_of,
    read_json,
)

ROOT = FOLDER.parent
NODES = json.loads((ROOT / "tests" / "host" / "node_schema.json").read_text(encoding="utf-8"))
WIDGET_TYPES = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
VERSION = next(
    line.split('"')[1]
    for line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    if line.startswith("version = ")
)
NAMES = {
    "word_swap",
    "refine",
    "fader",
    "local_blend",
    "move_a_word",
    "two_targets",
    "record_replay",
    "adjust_record",
    "attention_maps",
    "guidance",
    "with_lora",
    "with_controlnet",
}
# What a checkpoint's workflow may do otherwise than the embedded model's: load files, and other prompts and sizes.
LOADERS = {
    "P2PMiniSDXL": "CheckpointLoaderSimple",
    "P2PMiniLora": "LoraLoaderModelOnly",
    "P2PMiniControlNet": "ControlNetLoader",
}
OTHER_VALUES = {
    "EmptyLatentImage": {"width", "height", "batch_size"},
    "KSampler": {"steps", "cfg", "sampler_name", "scheduler"},
    "P2PTextEncode": {"text"},
    "CLIPTextEncode": {"text"},
    "P2PReweightController": {"scales"},
    "P2PMoveController": {"word"},
    "P2PAttentionStore": {"words"},
    "P2PAttentionGuidance": {"words"},
    "P2PRecord": {"precision"},
    "SolidMask": {"width", "height"},
    "MaskComposite": {"x", "y"},
    "GrowMask": {"expand"},
    "ControlNetApplyAdvanced": {"strength", "end_percent"},
}
of_every_template = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
of_every_checkpoint_template = pytest.mark.parametrize("path", CHECKPOINT_TEMPLATES, ids=lambda path: path.stem)


def graph_nodes(path: Path) -> list[dict]:
    return [node for node in read_json(path)["nodes"] if node["type"] not in FRONT_END_ONLY]


def notes(path: Path) -> list[str]:
    return [node["widgets_values"][0] for node in read_json(path)["nodes"] if node["type"] in FRONT_END_ONLY]


def links(entry: dict) -> dict:
    return {name: value for name, value in entry["inputs"].items() if isinstance(value, list)}


def test_every_template_comes_in_a_pair():
    assert {path.stem for path in CHECKPOINT_TEMPLATES} == NAMES
    assert {path.stem for path in MINI_TEMPLATES} == {f"{name}_mini" for name in NAMES}


@pytest.mark.parametrize("path", MINI_TEMPLATES, ids=lambda path: path.stem)
def test_a_template_agrees_with_its_twin_for_the_api(path):
    template, twin = api_graph(path), read_json(api_twin(path))
    for graph in (template, twin):
        for node in graph.values():
            node["inputs"].pop("batch_size", None)  # as many pictures as the one or the other shows well
    assert template == twin


@of_every_checkpoint_template
def test_a_checkpoint_template_is_the_graph_of_the_embedded_model(path):
    graph, mini = api_graph(path), api_graph(path.with_stem(f"{path.stem}_mini"))
    assert list(graph) == list(mini)
    for identity, entry in graph.items():
        twin = mini[identity]
        kind = twin["class_type"]
        assert links(entry) == links(twin)
        assert entry["class_type"] == LOADERS.get(kind, kind)
        if kind not in LOADERS:
            other = {name for name, value in entry["inputs"].items() if value != twin["inputs"][name]}
            assert entry["inputs"].keys() == twin["inputs"].keys()
            assert other <= OTHER_VALUES.get(kind, set())
    assert not [entry for entry in graph.values() if entry["class_type"].startswith("P2PMini")]


@of_every_checkpoint_template
def test_the_size_of_a_checkpoint_template_is_that_of_sdxl(path):
    for entry in api_graph(path).values():
        if entry["class_type"] == "EmptyLatentImage":
            assert entry["inputs"] == {"width": 1024, "height": 1024, "batch_size": 1}


@of_every_checkpoint_template
def test_the_words_of_an_edit_are_in_the_prompts_of_the_checkpoint_template(path):
    """A prompt may be exchanged and a word of it forgotten elsewhere."""
    entries = list(api_graph(path).values())
    prompts = " ".join(entry["inputs"]["text"] for entry in entries if entry["class_type"] == "P2PTextEncode")
    for entry in entries:
        for name in ("words", "word", "scales", "target_words", "source_words", "keep_words"):
            for part in entry["inputs"].get(name, "").split(","):
                assert part.split(":")[0].strip() in prompts


@of_every_checkpoint_template
def test_a_template_says_where_its_models_are(path):
    """The front end offers the download of a file that is missing."""
    for node in graph_nodes(path):
        files = [value for value in node["widgets_values"] if str(value).endswith(".safetensors")]
        told = node["properties"].get("models", [])
        assert [model["name"] for model in told] == files
        for model in told:
            assert model["url"].startswith("https://huggingface.co/")
            assert model["url"].endswith(f"/{model['name']}")
            assert model["directory"] in ("checkpoints", "loras", "controlnet")
    assert any("models" in node["properties"] for node in graph_nodes(path))


@of_every_template
def test_the_links_of_a_template_meet_at_both_ends(path):
    workflow = read_json(path)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    for number, source, output, target, entry, kind in workflow["links"]:
        start, end = nodes[source]["outputs"][output], nodes[target]["inputs"][entry]
        assert number in start["links"]
        assert end["link"] == number
        assert start["type"] == end["type"] == kind
    used = [field["link"] for node in nodes.values() for field in node["inputs"] if field["link"] is not None]
    assert sorted(used) == sorted(link[0] for link in workflow["links"])
    assert workflow["last_node_id"] >= max(nodes)
    assert workflow["last_link_id"] >= max(used)


@pytest.mark.parametrize("path", [*TEMPLATES, *API_WORKFLOWS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_workflow_names_the_inputs_that_nodes_have(path):
    """Only optional sockets may be missing: the front end sends the value of every widget."""
    for node in api_graph(path).values():
        if node["class_type"] in NODES:
            shape, given = NODES[node["class_type"]], set(node["inputs"])
            names = {name for name, _ in shape["inputs"]}
            may_miss = {
                name for name, kind in shape["inputs"] if kind not in WIDGET_TYPES and name in shape["optional"]
            }
            assert given <= names
            assert names - given <= may_miss


@of_every_template
def test_the_sockets_of_a_template_are_those_of_the_nodes(path):
    for node in graph_nodes(path):
        if node["type"] in NODES:
            shape = NODES[node["type"]]
            sockets_first = sorted(shape["inputs"], key=lambda field: field[1] in WIDGET_TYPES)
            assert [[field["name"], field["type"]] for field in node["inputs"]] == sockets_first
            assert [[field["name"], field["type"]] for field in node["outputs"]] == shape["outputs"]


@of_every_template
def test_a_template_says_which_packs_its_nodes_are_of(path):
    """docs/make_templates.py makes them anew."""
    for node in graph_nodes(path):
        ours = {"cnr_id": "prompt-to-prompt", "ver": VERSION}
        theirs = {"cnr_id": "comfy-core", "ver": "0.3.75"}
        told = {key: node["properties"][key] for key in ("cnr_id", "ver")}
        assert told == (ours if node["type"] in NODES else theirs)


@of_every_template
def test_a_template_has_a_thumbnail(path):
    assert path.with_suffix(".jpg").read_bytes().startswith(b"\xff\xd8")


@of_every_template
def test_a_note_says_what_to_do(path):
    (note,) = notes(path)
    own, *more = (ROOT / "docs" / "template_notes" / f"{name_of(path)}.md").read_text(encoding="utf-8").split("\n\n")
    assert note.startswith(own)
    assert "Press **Run**." in note
    assert len(note.split("\n\n")) > len(more)
    assert "{" not in note
    other = name_of(path) if path in MINI_TEMPLATES else f"{path.stem}_mini"
    assert f"template *{other}*" in note


@of_every_template
def test_nothing_overlaps(path):
    boxes = [(*node["pos"], *node["size"]) for node in read_json(path)["nodes"]]
    for (x, y, width, height), (left, top, wide, high) in combinations(boxes, 2):
        assert x + width <= left or left + wide <= x or y + height <= top or top + high <= y
        assert min(width, height, wide, high) > 0


def test_only_templates_lie_where_the_host_looks_for_them():
    """Everything else there would show as a broken template."""
    files = [path for path in FOLDER.iterdir() if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".jpg"}
    assert {path.stem for path in files} == {path.stem for path in TEMPLATES}
