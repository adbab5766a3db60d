"""Makes the subgraph blueprints, the common graphs as one node, from the workflows for the HTTP API.

python3 dev.py serve --port 8188
.venv/bin/python docs/make_blueprints.py http://127.0.0.1:8188
"""

import argparse
import json
import re
from pathlib import Path

from workflow_files.host import Server
from workflow_files.subgraph import Outline, Port, blueprint

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE_KINDS = {"P2PMiniSDXL", "EmptyLatentImage", "SaveImage"}  # what a user connects to the one node
SEARCH = ("p2p", "prompt to prompt", "attention", "cross attention control")


def one(graph: dict, kind: str) -> str:
    """The only node of a kind."""
    (identity,) = (identity for identity, entry in graph.items() if entry["class_type"] == kind)
    return identity


def common_inputs(graph: dict, texts: dict[str, str]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """The sockets, and the settings of the sampler, that every blueprint has."""
    apply, decode, sampler = one(graph, "P2PApply"), one(graph, "VAEDecode"), one(graph, "KSampler")
    negative = one(graph, "CLIPTextEncode")
    sockets = (
        Port("model", ((apply, "model"),)),
        Port("clip", tuple((identity, "clip") for identity in (*texts.values(), negative))),
        Port("vae", ((decode, "vae"),)),
        Port("latent", ((apply, "latent"),)),
        *(Port(name, ((identity, "text"),)) for name, identity in texts.items()),
        Port("negative_prompt", ((negative, "text"),)),
    )
    names = ("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise")
    return sockets, tuple(Port(name, ((sampler, name),)) for name in names)


def outputs(graph: dict) -> tuple[Port, ...]:
    return (
        Port("images", ((one(graph, "VAEDecode"), "IMAGE"),)),
        Port("latent", ((one(graph, "KSampler"), "LATENT"),)),
    )


def swap(graph: dict) -> Outline:
    controller = one(graph, "P2PReplaceController")
    texts = {f"{name}_prompt": graph[controller]["inputs"][name][0] for name in ("source", "target")}
    sockets, sampling = common_inputs(graph, texts)
    windows = ("cross_start", "cross_end", "self_start", "self_end", "word_windows")
    return Outline(
        name="Prompt-to-Prompt (swap a word)",
        description="Makes the picture of the source prompt, and the same picture with the words of the target prompt. "
        "images holds both, the source first.",
        search=(*SEARCH, "swap", "replace", "word swap"),
        inputs=(*sockets, *(Port(name, ((controller, name),)) for name in windows), *sampling),
        outputs=outputs(graph),
    )


def fader(graph: dict) -> Outline:
    controller = one(graph, "P2PReweightController")
    sockets, sampling = common_inputs(graph, {"prompt": graph[controller]["inputs"]["conditioning"][0]})
    return Outline(
        name="Prompt-to-Prompt (turn words up or down)",
        description="Makes the picture of the prompt, and the same picture with words turned up or down: one word and "
        "its scale per line. images holds both, the unchanged one first.",
        search=(*SEARCH, "reweight", "fader", "emphasis"),
        inputs=(*sockets, Port("scales", ((controller, "scales"),)), *sampling),
        outputs=outputs(graph),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a ComfyUI with this pack")
    nodes = Server(parser.parse_args().url).nodes()
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    for name, outline_of in {"word_swap": swap, "fader": fader}.items():
        graph = json.loads((ROOT / "example_workflows" / "api" / f"{name}.json").read_text(encoding="utf-8"))
        inner = {identity: entry for identity, entry in graph.items() if entry["class_type"] not in OUTSIDE_KINDS}
        outline = outline_of(graph)
        text = json.dumps(blueprint(outline, inner, nodes, version), indent=2, ensure_ascii=False)
        (ROOT / "subgraphs" / f"{outline.name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{outline.name}: written")


if __name__ == "__main__":
    main()
