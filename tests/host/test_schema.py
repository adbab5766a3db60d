"""What people and saved workflows see of the nodes: descriptions, tooltips, and names that never change."""

import asyncio
import json
from pathlib import Path

import pytest
from p2p.nodes import PromptToPromptExtension

RECORD = json.loads((Path(__file__).parent / "node_schema.json").read_text(encoding="utf-8"))
NODES = {node.GET_SCHEMA().node_id: node for node in asyncio.run(PromptToPromptExtension().get_node_list())}


def shape(node) -> dict[str, list]:
    """[name, type] of every input and output in the order of the host's object_info, and names of optional inputs."""
    info = node.GET_NODE_INFO_V1()
    sections = [section for section in info["input"] if section != "hidden"]  # what the host adds to output nodes
    fields = {name: field for section in sections for name, field in info["input"][section].items()}
    names = [name for section in sections for name in info["input_order"][section]]
    kinds = ["COMBO" if isinstance(fields[name][0], list) else fields[name][0] for name in names]
    return {
        "inputs": [list(pair) for pair in zip(names, kinds, strict=True)],
        "optional": info["input_order"].get("optional", []),
        "outputs": [list(pair) for pair in zip(info["output_name"], info["output"], strict=True)],
    }


def test_every_node_is_in_the_record():
    """A new node is added to node_schema.json when it is released; none is ever taken out."""
    assert set(NODES) == set(RECORD)


@pytest.mark.parametrize("name", RECORD)
def test_invariant_10_ids_names_and_order_are_kept(name):
    """Saved widget values are told apart by their place, so what is new comes last."""
    now = shape(NODES[name])
    for side, recorded in RECORD[name].items():
        assert now[side][: len(recorded)] == recorded
        assert len(now[side]) == len(recorded), f"add what is new to the end of {side} in node_schema.json"


@pytest.mark.parametrize("name", NODES)
def test_a_node_explains_itself(name):
    schema = NODES[name].GET_SCHEMA()
    assert schema.display_name
    assert schema.description
    unexplained = [part.id or part.display_name for part in (*schema.inputs, *schema.outputs) if not part.tooltip]
    assert not unexplained
