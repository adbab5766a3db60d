"""The subgraph blueprints: found by a search, put on the canvas as one node, connected and run."""

import pytest
from p2p.development import paths
from p2p.tests.browser import ui

BLUEPRINTS = sorted((paths.ROOT / "subgraphs").glob("*.json"))
SOURCES = {"model": ("P2PMiniSDXL", 0), "clip": ("P2PMiniSDXL", 1), "vae": ("P2PMiniSDXL", 2)}
SOURCES |= {"latent": ("EmptyLatentImage", 0)}
CONNECT = """(sources) => {
  const subgraph = app.graph.nodes.find((node) => node.isSubgraphNode?.());
  const made = {};
  for (const [input, [kind, slot]] of Object.entries(sources)) {
    if (!made[kind]) app.graph.add((made[kind] = LiteGraph.createNode(kind)));
    made[kind].connect(slot, subgraph, subgraph.inputs.findIndex((socket) => socket.name === input));
  }
  for (const side of ['width', 'height']) made.EmptyLatentImage.widgets.find((w) => w.name === side).value = 128;
  const saver = LiteGraph.createNode('PreviewImage');
  app.graph.add(saver);
  subgraph.connect(subgraph.outputs.findIndex((socket) => socket.name === 'images'), saver, 0);
  subgraph.widgets.find((w) => w.name === 'steps').value = 2;
}"""


def test_there_are_blueprints():
    assert BLUEPRINTS


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_a_blueprint_is_found_added_and_run(path, page, host):
    # The search looks at about 30 letters of a name, so its last words are not found.
    found = ui.search(page, " ".join(path.stem.split("(")[1].split()[:2]))
    assert any(text.startswith(path.stem) for text in found), found
    page.get_by_role("option").filter(has_text=path.stem).first.click()
    page.wait_for_function("() => app.graph.nodes.some((node) => node.isSubgraphNode?.())")
    page.evaluate(CONNECT, SOURCES)
    ui.settle(page)
    ui.screenshot(page, f"blueprint_{path.stem.replace(' ', '_')}")
    pictures = host.pictures(ui.run(page, host))
    assert len(pictures) == 2
    assert all(picture.std() > 10 for picture in pictures)
    assert (pictures[0] != pictures[1]).any()


def test_blueprints_are_in_the_node_library(page):
    page.get_by_role("button", name="Node Library").click()
    page.get_by_placeholder("Search Nodes...").fill("Prompt-to-Prompt (")
    for path in BLUEPRINTS:
        page.get_by_text(path.stem).first.wait_for()
