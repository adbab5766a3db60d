"""Part of a graph in API format as one node: the subgraph blueprint that the front end loads."""

import uuid
from dataclasses import dataclass

from .graph import links_of, nodes_of
from .host import WIDGETS, Nodes
from .layout import GAP, TOP, arrange

INSIDE, OUTSIDE = -10, -20  # the ids that the front end gives a subgraph's own inputs and outputs
ROW, EDGE = 20, 120
LINK = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


@dataclass(frozen=True)
class Port:
    """An input or output of the subgraph, and the ends (node, input or output) that it stands for."""

    name: str
    ends: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Outline:
    """What the one node shows."""

    name: str
    description: str
    search: tuple[str, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def blueprint(outline: Outline, graph: dict, nodes: Nodes, version: str) -> dict:
    """The file: one node, and the definition of what is in it. Links to nodes not in ``graph`` are left out."""
    inner = {identity: _without_others(entry, graph) for identity, entry in graph.items()}
    links = links_of(inner, nodes)
    parts = nodes_of(inner, links, nodes, version)
    arrange(parts)
    by_identity = {str(part["id"]): part for part in parts}
    joined = [dict(zip(LINK, link, strict=True)) for link in links]
    inputs = [_input(slot, port, by_identity, joined, outline) for slot, port in enumerate(outline.inputs)]
    outputs = [_output(slot, port, by_identity, joined, outline) for slot, port in enumerate(outline.outputs)]
    for order, part in enumerate(sorted(parts, key=lambda part: part["pos"])):
        part["order"] = order
    definition = {
        "id": _identity(outline.name),
        "version": 1,
        "state": {"lastGroupId": 0, "lastNodeId": max(map(int, graph)), "lastLinkId": len(joined), "lastRerouteId": 0},
        "revision": 0,
        "config": {},
        "name": outline.name,
        "description": outline.description,
        "inputNode": {"id": INSIDE, "bounding": [_left(parts) - GAP - EDGE, TOP, EDGE, ROW * (len(inputs) + 2)]},
        "outputNode": {"id": OUTSIDE, "bounding": [_right(parts) + GAP, TOP, EDGE, ROW * (len(outputs) + 2)]},
        "inputs": inputs,
        "outputs": outputs,
        "widgets": [],
        "nodes": parts,
        "groups": [],
        "links": joined,
        "extra": {"workflowRendererVersion": "LG"},
    }
    return {
        "id": _identity(f"{outline.name}/file"),
        "revision": 0,
        "last_node_id": 1,
        "last_link_id": 0,
        "nodes": [_outer(outline, definition, graph, version)],
        "links": [],
        "groups": [],
        "definitions": {"subgraphs": [definition]},
        "config": {},
        "extra": {"BlueprintDescription": outline.description, "BlueprintSearchAliases": list(outline.search)},
        "version": 0.4,
    }


def _without_others(entry: dict, graph: dict) -> dict:
    kept = {name: value for name, value in entry["inputs"].items() if not isinstance(value, list) or value[0] in graph}
    return {**entry, "inputs": kept}


def _input(slot: int, port: Port, parts: dict[str, dict], links: list[dict], outline: Outline) -> dict:
    """An input of the subgraph; adds its links."""
    found = []
    for identity, name in port.ends:
        place = next(place for place, field in enumerate(parts[identity]["inputs"]) if field["name"] == name)
        field = parts[identity]["inputs"][place]
        field["link"] = _join(links, (INSIDE, slot), (int(identity), place), field["type"])
        found.append(field)
    return _port(outline, port, found[0]["type"], [field["link"] for field in found])


def _output(slot: int, port: Port, parts: dict[str, dict], links: list[dict], outline: Outline) -> dict:
    """An output of the subgraph; adds its link."""
    ((identity, name),) = port.ends
    place = next(place for place, field in enumerate(parts[identity]["outputs"]) if field["name"] == name)
    field = parts[identity]["outputs"][place]
    number = _join(links, (int(identity), place), (OUTSIDE, slot), field["type"])
    field["links"].append(number)
    return _port(outline, port, field["type"], [number])


def _join(links: list[dict], start: tuple[int, int], end: tuple[int, int], kind: str) -> int:
    number = len(links) + 1
    ends = {"origin_id": start[0], "origin_slot": start[1], "target_id": end[0], "target_slot": end[1]}
    links.append({"id": number, **ends, "type": kind})
    return number


def _port(outline: Outline, port: Port, kind: str, links: list[int]) -> dict:
    return {"id": _identity(f"{outline.name}/{port.name}"), "name": port.name, "type": kind, "linkIds": links}


def _outer(outline: Outline, definition: dict, graph: dict, version: str) -> dict:
    """The one node. Inputs that are widgets inside are widgets of it, too."""
    ports = zip(outline.inputs, definition["inputs"], strict=True)
    ends = [port.ends[0] for port, field in ports if field["type"] in WIDGETS]
    return {
        "id": 1,
        "type": definition["id"],
        "pos": [0, 0],
        "size": [400, 720],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [
            {
                "name": field["name"],
                "type": field["type"],
                **({"widget": {"name": field["name"]}} if field["type"] in WIDGETS else {}),
                "link": None,
            }
            for field in definition["inputs"]
        ],
        "outputs": [{"name": field["name"], "type": field["type"], "links": []} for field in definition["outputs"]],
        "title": outline.name,
        "properties": {"cnr_id": "prompt-to-prompt", "ver": version},
        "widgets_values": [graph[identity]["inputs"][name] for identity, name in ends],
    }


def _identity(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"prompt-to-prompt/subgraphs/{name}"))


def _left(parts: list[dict]) -> int:
    return min(part["pos"][0] for part in parts)


def _right(parts: list[dict]) -> int:
    return max(part["pos"][0] + part["size"][0] for part in parts)
