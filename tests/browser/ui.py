"""What the tests do with a page of the real front end. The page is Playwright's (sync API), so everything else is too.

A test in tests/browser gets these fixtures (conftest.py):

    host        BrowserHost (host.py): url, folder, json(), file(), run(prompt), latents(outputs), pictures(outputs), …
    renderer    "classic" or "vue": a test with it, or with ``page``, runs once in each
    page        the open front end with an empty canvas; the same page is used by one test after the other
    fresh_page  as ``page``, but a page of its own, just opened
    complaints  what the page complains about; a test fails when anything is there at its end, except what matches a
                pattern it named with complaints.expect("pattern")

    def test_something(page, host):
        ui.load(page, ui.template("word_swap_mini"))
        ui.set_widget(page, "KSampler", "steps", 2)
        outputs = ui.run(page, host)
        ui.screenshot(page, "word_swap_after_run")       # output/browser/word_swap_after_run-classic.png
"""

import base64
import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from p2p.development import paths
from p2p.tests.browser.host import BrowserHost
from p2p.tests.template_files import FOLDER, read_json
from playwright.sync_api import Page, TimeoutError

SETTINGS = {  # of a user who has been here before and has seen all that is shown once
    "Comfy.TutorialCompleted": True,
    "Comfy.Minimap.Visible": False,
    "Comfy.Locale": "en",
    "Comfy.Workflow.ShowMissingNodesWarning": True,
    "Comfy.Workflow.ShowMissingModelsWarning": True,
}
VUE = "Comfy.VueNodes.Enabled"
SET_SETTING = "([id, value]) => app.extensionManager.setting.set(id, value)"
SMALLEST_TEXT = "LiteGraph.Canvas.MinFontSizeForLOD"
OVERVIEW = {"width": 2600, "height": 1100}
SCREENSHOTS = paths.RESULTS / "browser"
READY = """() => {
  const app = window.app, manager = app?.extensionManager;
  const isOpen = app?.vueAppReady && manager?.workflow?.activeWorkflow && !manager.spinner;
  return isOpen && window.LiteGraph?.registered_node_types.KSampler;
}"""  # the last thing that a page does on its start is to open a workflow: the host's, or that of before
DIALOGS = ".p-dialog, [role=dialog], [role=alertdialog], .p-toast-message"
EMPTY = {"last_node_id": 0, "last_link_id": 0, "nodes": [], "links": [], "groups": [], "config": {}, "extra": {}}
EMPTY |= {"version": 0.4}


def open_app(page: Page, host: BrowserHost, renderer: str, **settings: object) -> None:
    """Load the front end in a renderer, with an empty canvas."""
    host.settings(**{**SETTINGS, VUE: renderer == "vue", **settings})
    page.add_init_script("localStorage.setItem('vueNodesBannerDismissed', 'true')")
    page.goto(host.url, wait_until="domcontentloaded")
    page.wait_for_function(READY)
    clear(page)


def clear(page: Page) -> None:
    """Bring an open page back to an empty canvas: no dialog, nothing selected, no other workflow."""
    page.mouse.move(page.viewport_size["width"] / 2, page.viewport_size["height"] - 2)  # nothing lies there
    for _ in range(5):
        if dialogs(page):
            page.keyboard.press("Escape")
            page.wait_for_timeout(300)  # a dialog fades away
    page.evaluate("document.activeElement?.blur()")
    page.evaluate("app.extensionManager.sidebarTab.activeSidebarTabId = null")
    load(page, EMPTY)
    page.evaluate(
        """async () => {
          const {openWorkflows, activeWorkflow, closeWorkflow} = app.extensionManager.workflow;
          for (const other of [...openWorkflows]) if (other !== activeWorkflow) await closeWorkflow(other);
        }"""
    )


def renderer_of(page: Page) -> str:
    return "vue" if page.evaluate(f"app.extensionManager.setting.get('{VUE}') === true") else "classic"


def template(name: str) -> dict:
    """Return a template of example_workflows."""
    return read_json(FOLDER / f"{name}.json")


def load(page: Page, workflow: dict) -> None:
    """Open a workflow as the front end opens any, and wait until it is drawn."""
    page.evaluate("workflow => app.loadGraphData(workflow, true, true)", workflow)
    settle(page)


def settle(page: Page, frames: int = 4) -> None:
    """Wait for some frames: what follows a change of the graph is done in the next ones."""
    page.evaluate(
        """async (frames) => {
          for (let i = 0; i < frames; i++) await new Promise((done) => requestAnimationFrame(done));
          await new Promise((done) => setTimeout(done, 50));
        }""",
        frames,
    )


def fit(page: Page) -> None:
    """Show the whole graph."""
    page.evaluate("app.extensionManager.command.execute('Comfy.Canvas.FitView')")
    page.wait_for_timeout(600)  # the view moves there slowly
    settle(page)


def node_ids(page: Page, kind: str) -> list[int]:
    """Return the ids of the root graph's nodes of a class."""
    return page.evaluate("kind => app.graph.nodes.filter((n) => n.type === kind).map((n) => n.id)", kind)


def widget(page: Page, kind: str, name: str) -> object:
    """Return a widget's value of the first node of a class."""
    return page.evaluate(
        "([kind, name]) => app.graph.nodes.find((n) => n.type === kind).widgets.find((w) => w.name === name).value",
        [kind, name],
    )


def set_widget(page: Page, kind: str, name: str, value: object) -> None:
    """Set a widget of every node of a class."""
    page.evaluate(
        """([kind, name, value]) => {
          for (const node of app.graph.nodes.filter((n) => n.type === kind)) {
            const widget = node.widgets.find((w) => w.name === name);
            widget.value = value;
            widget.callback?.(value);
          }
        }""",
        [kind, name, value],
    )
    settle(page, 1)


def save_latents(page: Page) -> None:
    """Put a SaveLatent on the canvas for everything that is decoded."""
    page.evaluate(
        """() => {
          const decoders = app.graph.nodes.filter((n) => n.type === 'VAEDecode').sort((a, b) => a.id - b.id);
          for (const decoder of decoders) {
            const link = decoder.getInputLink(0);
            const saver = LiteGraph.createNode('SaveLatent');
            saver.pos = [decoder.pos[0], decoder.pos[1] + decoder.size[1] + 60];
            app.graph.add(saver);
            app.graph.getNodeById(link.origin_id).connect(link.origin_slot, saver, 0);
          }
        }"""
    )


def run(page: Page, host: BrowserHost) -> dict:
    """Queue the canvas, wait for the end, and return the outputs by node id."""
    return run_by(page, host, lambda: page.evaluate("() => { app.queuePrompt(0, 1); }"))


def run_by(page: Page, host: BrowserHost, queue: Callable[[], None]) -> dict:
    """As ``run``; ``queue`` does what queues the canvas, for example a click."""
    with page.expect_response(lambda reply: reply.request.method == "POST" and reply.url.endswith("/prompt")) as sent:
        queue()
    answer = sent.value.json()
    assert "prompt_id" in answer, json.dumps(answer)
    outputs = host.outputs(answer["prompt_id"])
    settle(page)
    return outputs


def search(page: Page, words: str) -> list[str]:
    """Open the search of nodes on the canvas, type, and return what is offered, best first. It stays open."""
    size = page.viewport_size
    box = page.get_by_role("combobox", name="Search Nodes").or_(page.get_by_placeholder("Search Nodes...")).last
    for _ in range(5):  # a page that was just opened may still be too busy to take two clicks for a double click
        page.mouse.dblclick(size["width"] / 2, size["height"] / 2)
        with contextlib.suppress(TimeoutError):
            box.wait_for(timeout=3000)
            break
    box.fill(words)
    page.wait_for_timeout(700)  # the list follows the typing after a moment
    texts = page.get_by_role("option").all_inner_texts()
    return [text.replace("\xa0", " ").strip() for text in texts if text.strip()]


def drop_file(page: Page, content: bytes, name: str, kind: str) -> None:
    """Drop a file on the canvas, as a user does from a folder."""
    transfer = page.evaluate_handle(
        """([content, name, type]) => {
          const transfer = new DataTransfer();
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          transfer.items.add(new File([bytes], name, {type}));
          return transfer;
        }""",
        [base64.b64encode(content).decode(), name, kind],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("#graph-canvas", event, {"dataTransfer": transfer})


def prompt(page: Page) -> dict:
    """Return the canvas in API format, as it would be queued now."""
    return page.evaluate("async () => (await app.graphToPrompt()).output")


def workflow(page: Page) -> dict:
    """Return the canvas as the front end saves it in files and pictures."""
    return page.evaluate("async () => JSON.parse(JSON.stringify((await app.graphToPrompt()).workflow))")


def dialogs(page: Page) -> list[str]:
    """Return the texts of the dialogs and notices that are open."""
    return page.evaluate(
        "(choice) => [...document.querySelectorAll(choice)].filter((e) => e.checkVisibility()).map((e) => e.innerText)",
        DIALOGS,
    )


def missing_nodes(page: Page) -> list[str]:
    """Return the types of nodes on the canvas that the front end does not know."""
    return page.evaluate("app.graph.nodes.filter((n) => n.has_errors || n.last_serialization).map((n) => n.type)")


def overview(page: Page, name: str) -> Path:
    """Keep a picture of the whole graph, large enough to be read."""
    size = page.viewport_size
    page.set_viewport_size(OVERVIEW)
    page.evaluate(SET_SETTING, [SMALLEST_TEXT, 0])  # else the texts of a large graph are left out
    fit(page)
    path = screenshot(page, name)
    page.evaluate(SET_SETTING, [SMALLEST_TEXT, 8])
    page.set_viewport_size(size)
    settle(page)
    return path


def screenshot(page: Page, name: str) -> Path:
    """Keep a picture of the page in output/browser, beside that of the other renderer."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}-{renderer_of(page)}.png"
    page.screenshot(path=path)
    return path
