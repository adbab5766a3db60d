"""Makes the README's picture of the example workflow: opens it in the real front end, runs it and takes a picture.

Needs the package playwright and a Chromium.

python3 dev.py serve --port 8188
python docs/make_screenshot.py http://127.0.0.1:8188 --browser /usr/bin/chromium
"""

import argparse
import json
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "example_workflows" / "word_swap.json"
OPTIONS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
READY = "!!(window.app?.extensionManager && window.LiteGraph?.registered_node_types.P2PApply)"
RUN = """new Promise((done) => {
  for (const name of ['execution_success', 'execution_error'])
    app.api.addEventListener(name, (event) => done([name, JSON.stringify(event.detail)]));
  app.queuePrompt(0, 1);
})"""
STYLE = "body * { visibility: hidden } #graph-canvas, .dom-widget, .dom-widget * { visibility: visible }"
FRAME = 30  # pixels around the graph


def run_template(page: Page) -> None:
    """Open the template on a free canvas and run it."""
    page.evaluate("app.extensionManager.setting.set('Comfy.Minimap.Visible', false)")
    page.evaluate("graph => app.loadGraphData(graph, true, true)", json.loads(TEMPLATE.read_text(encoding="utf-8")))
    page.wait_for_timeout(1000)
    outcome, detail = page.evaluate(RUN)
    if outcome != "execution_success":
        sys.exit(f"The workflow failed: {detail}")
    page.wait_for_timeout(2000)


def take_picture(page: Page, path: Path) -> None:
    """The canvas from the leftmost to the rightmost group, without what floats above it."""
    page.add_style_tag(content=STYLE)
    left, top, right, bottom = page.evaluate(
        """(() => {
          const all = [...app.graph.groups, ...app.graph.nodes];
          const parts = all.map((part) => [...(part.boundingRect ?? part.bounding)]);
          const low = (i) => Math.min(...parts.map((part) => part[i]));
          const high = (i) => Math.max(...parts.map((part) => part[i] + part[i + 2]));
          const [x, y] = app.canvas.ds.offset, scale = app.canvas.ds.scale;
          return [[low(0) + x, low(1) + y], [high(0) + x, high(1) + y]].flat().map((value) => value * scale);
        })()"""
    )
    clip = {"x": left - FRAME, "y": top - FRAME, "width": right - left + 2 * FRAME, "height": bottom - top + 2 * FRAME}
    page.screenshot(path=path, clip=clip)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a ComfyUI with this pack")
    parser.add_argument("--browser", help="path of a Chromium (default: the one of playwright)")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.browser, args=OPTIONS)
        page = browser.new_page(viewport={"width": 2100, "height": 1000})
        page.set_default_timeout(120_000)
        page.goto(options.url, wait_until="domcontentloaded")
        page.wait_for_function(READY)
        page.wait_for_timeout(3000)
        page.keyboard.press("Escape")  # the templates that a first visit shows
        run_template(page)
        take_picture(page, ROOT / "docs" / "workflow.png")
        browser.close()


if __name__ == "__main__":
    main()
