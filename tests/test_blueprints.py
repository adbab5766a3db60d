"""The subgraph blueprints: whole, and the graphs of their twins for the API when they are taken apart."""

import json
from pathlib import Path

import pytest
from p2p.tests.template_files import FOLDER, read_json, widget_values

ROOT = FOLDER.parent
BLUEPRINTS = sorted((ROOT / "subgraphs").glob("*.json"))
TWINS = {"Prompt-to-Prompt (swap a word)": "word_swap", "Prompt-to-Prompt (turn words up or down)": "fader"}
OUTSIDE = {"P2PMiniSDXL", "EmptyLatentImage", "SaveImage"}
NODES = json.loads((ROOT / "tests" / "host" / "node_schema.json").read_text(encoding="utf-8"))
STOCK = {"CLIPTextEncode", "KSampler", "VAEDecode"}
INPUTS, OUTPUTS = -10, -20
of_every_blueprint = pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)


def parts(path: Path) -> tuple[dict, dict]:
    """The one node, and the definition of what is in it."""
    workflow = read_json(path)
    (outer,), (definition,) = workflow["nodes"], workflow["definitions"]["subgraphs"]
    return outer, definition


def shown_values(outer: dict) -> dict:
    """The values of the one node's widgets. Nothing of the front end's own is among them, unlike in other nodes."""
    names = [field["name"] for field in outer["inputs"] if "widget" in field]
    return dict(zip(names, outer["widgets_values"], strict=True))


def taken_apart(path: Path, connected: dict[str, list]) -> dict:
    """The inner graph in API format, with the one node's widgets, and its sockets connected."""
    outer, definition = parts(path)
    given = {**shown_values(outer), **connected}
    sources = {}
    for link in definition["links"]:
        if link["origin_id"] == INPUTS:
            sources[link["id"]] = given[definition["inputs"][link["origin_slot"]]["name"]]
        else:
            sources[link["id"]] = [str(link["origin_id"]), link["origin_slot"]]
    return {
        str(node["id"]): {
            "class_type": node["type"],
            "_meta": {"title": node["title"]},
            "inputs": {
                **widget_values(node),
                **{field["name"]: sources[field["link"]] for field in node["inputs"] if field["link"] is not None},
            },
        }
        for node in definition["nodes"]
    }


def test_there_is_a_blueprint_of_each_common_graph():
    assert {path.stem for path in BLUEPRINTS} == set(TWINS)


@of_every_blueprint
def test_a_blueprint_is_the_graph_of_its_twin(path):
    twin = read_json(FOLDER / "api" / f"{TWINS[path.stem]}.json")
    outside = {entry["class_type"]: identity for identity, entry in twin.items() if entry["class_type"] in OUTSIDE}
    mini = outside["P2PMiniSDXL"]
    connected = {"model": [mini, 0], "clip": [mini, 1], "vae": [mini, 2], "latent": [outside["EmptyLatentImage"], 0]}
    inner = {identity: entry for identity, entry in twin.items() if entry["class_type"] not in OUTSIDE}
    assert taken_apart(path, connected) == inner


@of_every_blueprint
def test_every_widget_of_the_one_node_reaches_its_node(path):
    outer, definition = parts(path)
    for name in shown_values(outer):
        (field,) = (field for field in definition["inputs"] if field["name"] == name)
        for number in field["linkIds"]:
            (link,) = (link for link in definition["links"] if link["id"] == number)
            (node,) = (node for node in definition["nodes"] if node["id"] == link["target_id"])
            assert node["inputs"][link["target_slot"]]["widget"]["name"] == (
                "text" if name.endswith("prompt") else name
            )


@of_every_blueprint
def test_the_links_of_a_blueprint_meet_at_both_ends(path):
    _, definition = parts(path)
    nodes = {node["id"]: node for node in definition["nodes"]}
    for link in definition["links"]:
        ends = {"start": (link["origin_id"], link["origin_slot"]), "end": (link["target_id"], link["target_slot"])}
        if link["origin_id"] == INPUTS:
            start = definition["inputs"][ends["start"][1]]
            assert link["id"] in start["linkIds"]
        else:
            start = nodes[ends["start"][0]]["outputs"][ends["start"][1]]
            assert link["id"] in start["links"]
        if link["target_id"] == OUTPUTS:
            end = definition["outputs"][ends["end"][1]]
            assert end["linkIds"] == [link["id"]]
        else:
            end = nodes[ends["end"][0]]["inputs"][ends["end"][1]]
            assert end["link"] == link["id"]
        assert start["type"] == end["type"] == link["type"]
    assert definition["state"]["lastLinkId"] == max(link["id"] for link in definition["links"])
    assert definition["state"]["lastNodeId"] >= max(nodes)


@of_every_blueprint
def test_the_one_node_shows_the_ports_of_its_definition(path):
    outer, definition = parts(path)
    for side in ("inputs", "outputs"):
        assert [(port["name"], port["type"]) for port in outer[side]] == [
            (port["name"], port["type"]) for port in definition[side]
        ]
        assert len({port["name"] for port in outer[side]}) == len(outer[side])
    assert outer["type"] == definition["id"]
    assert definition["name"] == outer["title"] == path.stem
    assert definition["description"]
    assert not set(path.name) & set(':*?"<>|')  # a file that Windows can have


@of_every_blueprint
def test_a_blueprint_has_nodes_that_are_known(path):
    outer, definition = parts(path)
    version = next(node for node in definition["nodes"] if node["type"] in NODES)["properties"]["ver"]
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert outer["properties"]["cnr_id"] == "prompt-to-prompt"
    for node in definition["nodes"]:
        assert node["type"] in NODES.keys() | STOCK
        if node["type"] in NODES:
            assert sorted([field["name"], field["type"]] for field in node["inputs"]) == sorted(
                NODES[node["type"]]["inputs"]
            )
