"""The nodes are found by the words that people use for them."""

import pytest
from p2p.tests.browser import ui

pytestmark = pytest.mark.parametrize("renderer", ["classic"])  # the search is the same in the other
WANTED = {
    "prompt to prompt": {"P2PTextEncode"},
    "p2p": {"P2PApply", "P2PTextEncode", "P2PReplaceController", "P2PMiniSDXL"},
    "attention": {"P2PAttentionStore", "P2PAttentionMaps"},
    "cross attention control": {"P2PApply"},
    "swap": {"P2PReplaceController"},
    "reweight": {"P2PReweightController"},
}


@pytest.mark.parametrize("words", WANTED)
def test_nodes_are_found(words, page, host):
    titles = {kind: info["display_name"] for kind, info in host.json("/object_info").items()}
    found = ui.search(page, words)
    shown = [kind for text in found for kind, title in titles.items() if text.split("\n")[0].strip() == title]
    assert WANTED[words] <= set(shown), found


def test_what_is_found_is_added(page):
    ui.search(page, "swap")
    page.get_by_role("option").filter(has_text="P2P Replace").click()
    page.wait_for_function("() => app.graph.nodes.some((node) => node.type === 'P2PReplaceController')")


def test_the_node_library_has_all_nodes_in_one_folder(page, host):
    page.get_by_role("button", name="Node Library").click()
    page.get_by_placeholder("Search Nodes...").fill("P2P")
    page.get_by_text("P2P Apply").first.wait_for()
    ui.screenshot(page, "node_library")
