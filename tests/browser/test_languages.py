"""The nodes speak the language of the page: names, tooltips and help."""

import pytest
from p2p.tests.browser import ui
from p2p.tests.test_locales import CHINESE

APPLY, SCALES = "P2PApply", "P2PReweightController"
SHOWN = """([apply, fader]) => {
  const kinds = LiteGraph.registered_node_types;
  const [one, other] = [apply, fader].map((kind) => LiteGraph.createNode(kind));
  const tooltip = kinds[fader].nodeData.inputs.scales.tooltip;
  const shown = {
    title: kinds[apply].title,
    description: kinds[apply].nodeData.description,
    sockets: one.inputs.filter((socket) => !socket.widget).map((socket) => socket.localized_name),
    outputs: one.outputs.map((socket) => socket.localized_name),
    saved: one.outputs.map((socket) => socket.name),
    widget: other.widgets.find((widget) => widget.name === "scales").label,
    tooltip,
  };
  return shown;
}"""

# Beside the library of nodes; in newer front ends in the panel that tells about the chosen node.
OPEN_HELP = """(kind) => {
  const stores = document.querySelector("#vue-app").__vue_app__.config.globalProperties.$pinia._s;
  if (stores.has("nodeHelp")) {
    stores.get("nodeHelp").openHelp(stores.get("nodeDef").nodeDefsByName[kind]);
    app.extensionManager.sidebarTab.activeSidebarTabId = "node-library";
    return;
  }
  const node = LiteGraph.createNode(kind);
  app.graph.add(node);
  app.canvas.selectNode(node);
  stores.get("rightSidePanel").openPanel("info");
}"""


@pytest.fixture
def chinese_page(fresh_page, renderer, host):
    ui.open_app(fresh_page, host, renderer, **{"Comfy.Locale": "zh"})
    yield fresh_page
    host.settings(**{"Comfy.Locale": "en"})


def test_nodes_speak_chinese(chinese_page):
    """Front end 1.32.9 forgets the translations of packs; web/translation says them again."""
    shown = chinese_page.evaluate(SHOWN, [APPLY, SCALES])

    def said(*path):
        return CHINESE[path]

    sockets = ("model", "controller", "negative", "latent", "record")
    assert shown["title"] == said(APPLY, "display_name")
    assert shown["description"] == said(APPLY, "description")
    assert shown["sockets"] == [said(APPLY, "inputs", name, "name") for name in sockets]
    assert shown["outputs"] == [said(APPLY, "outputs", str(place), "name") for place in range(4)]
    assert shown["saved"] == ["model", "positive", "negative", "latent"]
    assert shown["widget"] == said(SCALES, "inputs", "scales", "name")
    if shown["tooltip"] != said(SCALES, "inputs", "scales", "tooltip"):  # newer ones translate when they show it
        key = f"nodeDefs.{SCALES}.inputs.scales.tooltip"
        translated = "key => document.querySelector('#vue-app').__vue_app__.config.globalProperties.$t(key)"
        assert chinese_page.evaluate(translated, key) == said(SCALES, "inputs", "scales", "tooltip")


def test_a_help_page_is_chinese_and_shows_its_pictures(chinese_page):
    chinese_page.evaluate(OPEN_HELP, "P2PReplaceController")
    chinese_page.get_by_role("heading", name="操作步骤").wait_for(state="attached")
    pictures = chinese_page.locator("img[src*='docs/images/']")
    chinese_page.wait_for_function(
        "() => [...document.querySelectorAll(\"img[src*='docs/images/']\")].every((picture) => picture.naturalWidth)"
    )
    assert pictures.count() == 6
    ui.screenshot(chinese_page, "help_in_chinese")
