"""A graph in API format as the nodes and links that the front end saves."""

from .host import WIDGETS, Nodes
from .layout import height

OLDEST_CORE = "0.3.75"
NEW_SEED = ["fixed"]  # a widget that the front end saves after every seed


def links_of(graph: dict, nodes: Nodes) -> list[list]:
    """[number, from node, output, to node, input, type] of every connection."""
    found = []
    for identity, entry in graph.items():
        for place, (name, kind, _) in enumerate(nodes.inputs(entry["class_type"])):
            value = entry["inputs"].get(name)
            if isinstance(value, list):
                found.append([len(found) + 1, int(value[0]), value[1], int(identity), place, kind])
    return found


def nodes_of(graph: dict, links: list[list], nodes: Nodes, version: str) -> list[dict]:
    """The nodes, without a place yet."""
    return [_node(int(identity), entry, links, nodes, version) for identity, entry in graph.items()]


def _node(identity: int, entry: dict, links: list[list], nodes: Nodes, version: str) -> dict:
    kind = entry["class_type"]
    return {
        "id": identity,
        "type": kind,
        "pos": [0, 0],
        "size": [0, height(kind, nodes)],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": _inputs(identity, kind, links, nodes),
        "outputs": _outputs(identity, kind, links, nodes),
        "title": entry["_meta"]["title"],
        "properties": {
            **origin(kind, version),
            "Node name for S&R": kind,
            **({"models": entry["_meta"]["models"]} if "models" in entry["_meta"] else {}),
        },
        "widgets_values": _values(entry, nodes),
    }


def origin(kind: str, version: str) -> dict:
    """Which pack a node is of, so that the front end can say what to install."""
    is_ours = kind.startswith("P2P")
    return {"cnr_id": "prompt-to-prompt" if is_ours else "comfy-core", "ver": version if is_ours else OLDEST_CORE}


def _inputs(identity: int, kind: str, links: list[list], nodes: Nodes) -> list[dict]:
    incoming = {(link[3], link[4]): link[0] for link in links}
    return [
        {
            "name": name,
            "type": field_kind,
            **({"widget": {"name": name}} if field_kind in WIDGETS else {}),
            "link": incoming.get((identity, place)),
        }
        for place, (name, field_kind, _) in enumerate(nodes.inputs(kind))
    ]


def _outputs(identity: int, kind: str, links: list[list], nodes: Nodes) -> list[dict]:
    return [
        {"name": name, "type": field_kind, "links": [link[0] for link in links if link[1:3] == [identity, place]]}
        for place, (name, field_kind) in enumerate(nodes.outputs(kind))
    ]


def _values(entry: dict, nodes: Nodes) -> list:
    given = nodes.with_defaults(entry)["inputs"]
    values = []
    for name, kind, _ in nodes.inputs(entry["class_type"]):
        if kind in WIDGETS:
            values += [given[name], *(NEW_SEED if name == "seed" else [])]
    return values
