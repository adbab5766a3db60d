"""Makes the README's pictures of the browser: opens templates in the real front end, runs them and takes pictures.

Needs the package playwright and a Chromium.

python3 dev.py serve --port 8188
.venv/bin/python docs/make_screenshot.py http://127.0.0.1:8188 --browser /usr/bin/chromium [--nodes-2]
"""

import argparse
import json
import sys
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "example_workflows"
OPTIONS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SETTINGS = {"Comfy.TutorialCompleted": True, "Comfy.Minimap.Visible": False, "Comfy.Locale": "en"}
READY = "!!(window.app?.extensionManager && window.LiteGraph?.registered_node_types.P2PApply)"
RUN = """new Promise((done) => {
  for (const name of ['execution_success', 'execution_error'])
    app.api.addEventListener(name, (event) => done([name, JSON.stringify(event.detail)]));
  app.queuePrompt(0, 1);
})"""
STYLE = "body * { visibility: hidden } #graph-canvas, .dom-widget, .dom-widget * { visibility: visible }"
STYLE_NODES_2 = "#graph-canvas, .lg-node, .lg-node * { visibility: visible }"
FRAME = 30  # pixels around a picture
# Where parts of the graph are on the page: left, top, right, bottom.
BOUNDS = """(kind) => {
  const chosen = kind ? app.graph.nodes.filter((node) => node.type === kind)
                      : [...app.graph.groups, ...app.graph.nodes];
  const parts = chosen.map((part) => [...(part.boundingRect ?? part.bounding)]);
  const low = (i) => Math.min(...parts.map((part) => part[i]));
  const high = (i) => Math.max(...parts.map((part) => part[i] + part[i + 2]));
  const [x, y] = app.canvas.ds.offset, scale = app.canvas.ds.scale;
  return [[low(0) + x, low(1) + y], [high(0) + x, high(1) + y]].flat().map((value) => value * scale);
}"""
SHOW = """([kind, scale, [x, y]]) => {
  const node = app.graph.nodes.find((one) => one.type === kind);
  app.canvas.ds.scale = scale;
  app.canvas.ds.offset = [x / scale - node.pos[0], y / scale - node.pos[1]];
  app.canvas.setDirty(true, true);
}"""
SLOWER = "(steps) => { app.graph.nodes.find((node) => node.type === 'KSampler').widgets"
SLOWER += ".find((widget) => widget.name === 'steps').value = steps; }"


def open_page(page: Page, url: str, nodes_2: bool) -> None:
    """The front end as a user sees it who has been here before."""
    settings = {**SETTINGS, "Comfy.VueNodes.Enabled": nodes_2}
    request = urllib.request.Request(f"{url}/settings", json.dumps(settings).encode(), method="POST")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_function(READY)
    page.wait_for_timeout(3000)
    page.add_style_tag(content=STYLE + STYLE_NODES_2)


def load(page: Page, name: str) -> None:
    graph = json.loads((TEMPLATES / f"{name}.json").read_text(encoding="utf-8"))
    page.evaluate("graph => app.loadGraphData(graph, true, true)", graph)
    page.wait_for_timeout(2000)


def run(page: Page) -> None:
    outcome, detail = page.evaluate(RUN)
    if outcome != "execution_success":
        sys.exit(f"The workflow failed: {detail}")
    page.wait_for_timeout(2000)


def show(page: Page, kind: str, scale: float) -> None:
    """Move the view to a node."""
    page.evaluate(SHOW, [kind, scale, [FRAME * 2, FRAME * 3]])
    page.wait_for_timeout(1000)


def take_picture(page: Page, file: Path, kind: str | None = None) -> None:
    """The canvas around the whole graph, or around a node."""
    left, top, right, bottom = page.evaluate(BOUNDS, kind)
    x, y = max(0, left - FRAME), max(0, top - FRAME)
    clip = {"x": x, "y": y, "width": right + FRAME - x, "height": bottom + FRAME - y}
    page.screenshot(path=file, clip=clip)


def whole_graph(page: Page, folder: Path) -> None:
    load(page, "word_swap_mini")
    run(page)
    page.evaluate("() => { app.canvas.ds.scale = 0.66; app.canvas.ds.offset = [110, 220]; }")
    page.evaluate("() => app.canvas.setDirty(true, true)")
    page.wait_for_timeout(1000)
    take_picture(page, folder / "workflow.png")


def chips(page: Page, folder: Path) -> None:
    """A word is dragged, as a user does."""
    load(page, "fader_mini")
    show(page, "P2PReweightController", 1.25)
    chip = page.locator(".p2p-chips [role=slider]").filter(has_text="grass").first
    box = chip.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] - 20, box["y"] + 8, steps=8)
    page.mouse.up()
    page.wait_for_timeout(500)
    take_picture(page, folder / "chips.png", "P2PReweightController")


def live_and_viewer(page: Page, folder: Path) -> None:
    load(page, "attention_maps_mini")
    page.evaluate(SLOWER, 60)
    show(page, "P2PApply", 1)
    page.evaluate("() => { app.queuePrompt(0, 1); }")
    page.wait_for_function("document.querySelector('.p2p-live')?.innerText.match(/step (2[4-9]|[3-9][0-9])/i)")
    take_picture(page, folder / "live.png", "P2PApply")
    page.wait_for_function("document.querySelectorAll('.p2p-viewer img, .p2p-viewer canvas').length > 0")
    page.wait_for_timeout(3000)
    page.evaluate(SLOWER, 20)
    show(page, "P2PAttentionMaps", 1)
    run(page)
    page.locator(".p2p-viewer button").filter(has_text="dog").first.click()
    page.wait_for_timeout(1000)
    take_picture(page, folder / "viewer.png", "P2PAttentionMaps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a ComfyUI with this pack")
    parser.add_argument("--browser", help="path of a Chromium (default: the one of playwright)")
    parser.add_argument("--nodes-2", action="store_true", help="in the renderer called Nodes 2.0")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs", help="where the pictures go (default: docs)")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.browser, args=OPTIONS)
        page = browser.new_page(viewport={"width": 2200, "height": 1300})
        page.set_default_timeout(120_000)
        open_page(page, options.url, options.nodes_2)
        for picture in (whole_graph, chips, live_and_viewer):
            picture(page, options.folder)
        browser.close()


if __name__ == "__main__":
    main()
