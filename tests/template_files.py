"""The example workflows: where they lie, and the API format of those for the browser."""

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "example_workflows"
TEMPLATES = sorted(FOLDER.glob("*.json"))
MINI_TEMPLATES = [path for path in TEMPLATES if path.stem.endswith("_mini")]
CHECKPOINT_TEMPLATES = [path for path in TEMPLATES if path not in MINI_TEMPLATES]
API_WORKFLOWS = sorted((FOLDER / "api").glob("*.json"))
FRONT_END_ONLY = {"Note", "MarkdownNote"}


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """What both templates of a pair and their twin for the API are called."""
    return path.stem.removesuffix("_mini")


def api_twin(path: Path) -> Path:
    return FOLDER / "api" / f"{name_of(path)}.json"


def api_graph(path: Path) -> dict:
    """The graph of a workflow file of either format, as it is sent to the host."""
    workflow = read_json(path)
    return as_api(workflow) if "nodes" in workflow else workflow


def as_api(workflow: dict) -> dict:
    """The API format of a template of the browser, as the front end makes it."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    return {
        str(node["id"]): {
            "class_type": node["type"],
            "_meta": {"title": node["title"]},
            "inputs": {
                **widget_values(node),
                **{field["name"]: sources[field["link"]] for field in node["inputs"] if field["link"] is not None},
            },
        }
        for node in workflow["nodes"]
        if node["type"] not in FRONT_END_ONLY
    }


def widget_values(node: dict) -> dict:
    """The values of a node's widgets by name. The front end saves one of its own after each seed."""
    names = []
    for field in node["inputs"]:
        if "widget" in field:
            names += [field["name"], *(["control_after_generate"] if field["name"] == "seed" else [])]
    values = dict(zip(names, node["widgets_values"] if names else [], strict=True))
    values.pop("control_after_generate", None)
    return values
