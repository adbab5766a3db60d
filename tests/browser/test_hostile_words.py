"""Words that are markup: in prompts, phrases, files, pictures and messages, wherever the pack shows them."""

import json
from io import BytesIO

import pytest
import torch
from p2p.p2p_core.attention_files import save_attention
from p2p.p2p_core.attention_store import AttentionRecord, AttentionRequest, AttentionStore, RowMaps
from p2p.p2p_core.windows import Window
from p2p.tests.browser import canvas, ui
from p2p.tests.browser.twins import SMALL
from PIL import Image
from PIL.PngImagePlugin import PngInfo

FIRE = "window.p2pFired=1"
IMAGE, SCRIPT = f"<img src=x onerror={FIRE}>", f"<script>{FIRE}</script>"
LINK, VECTOR = f'<a href="javascript:{FIRE}">red</a>', f"<svg onload={FIRE}>"
WORDS = (IMAGE, SCRIPT, LINK, VECTOR, f"'\"><img src=x onerror={FIRE}>", f"${{{FIRE}}}", f"{{{{{FIRE}}}}}")
PHRASE = f"<img src=x onerror={FIRE}>"  # as a phrase of the prompt, it is shown in one piece
FILE = "hostile.attention.safetensors"
WATCH = """() => {
  window.p2pAdded = [];
  const look = (part) => {
    if (part.nodeType !== Node.ELEMENT_NODE) return;
    const link = String(part.getAttribute('href') ?? part.getAttribute('src') ?? '');
    const handlers = [...part.attributes].filter(({name, value}) => name.startsWith('on') && /p2pFired/.test(value));
    if (handlers.length || link === 'x' || /^\\s*javascript:/i.test(link)
      || (part.localName === 'script' && /p2pFired/.test(part.textContent))) window.p2pAdded.push(part.outerHTML);
    for (const child of part.children) look(child);
  };
  window.p2pObserver = new MutationObserver((changes) => {
    for (const {addedNodes, target} of changes) addedNodes.length ? addedNodes.forEach(look) : look(target);
  });
  window.p2pObserver.observe(document, {subtree: true, childList: true, attributes: true,
    attributeFilter: ['href', 'src', 'onerror', 'onload']});
}"""


@pytest.fixture
def harmless(page):
    """The page, which must have become nothing of what the words say when the test ends."""
    page.evaluate(WATCH)
    yield page
    page.wait_for_timeout(300)
    assert page.evaluate("window.p2pFired") is None
    assert page.evaluate("window.p2pAdded") == []
    page.evaluate("window.p2pObserver.disconnect()")


def small(page) -> None:
    for kind, values in SMALL.items():
        for name, value in values.items():
            ui.set_widget(page, kind, name, value)
    canvas.set_seed(page, 700)


def with_markup(page) -> None:
    """The markup stands before every prompt."""
    page.evaluate(
        """(markup) => {
          for (const node of app.graph.nodes.filter((n) => n.type === 'P2PTextEncode')) {
            const widget = node.widgets.find((w) => w.name === 'text');
            widget.value = `${markup} ${widget.value}`;
            widget.callback?.(widget.value);
          }
        }""",
        " ".join(WORDS),
    )
    ui.settle(page)


def texts(page, choice: str) -> str:
    return "\n".join(page.locator(choice).all_text_contents())


def test_the_watch_sees_what_it_looks_for(page):
    """A test that cannot fail shows nothing."""
    page.evaluate(WATCH)
    page.evaluate("""() => {
      const made = document.createElement('div');
      made.innerHTML = '<a href="javascript:window.p2pFired=1"></a><svg onload="window.p2pFired=1"></svg>';
      document.body.append(made);
      made.remove();
    }""")
    page.wait_for_timeout(100)
    assert len(page.evaluate("window.p2pAdded")) == 2
    page.evaluate("() => { window.p2pObserver.disconnect(); delete window.p2pFired; }")


def test_in_prompts_with_chips_timeline_viewer_and_live_maps(harmless, host):
    page = harmless
    ui.load(page, ui.template("attention_maps_mini"))
    small(page)
    with_markup(page)
    ui.set_widget(page, "P2PAttentionStore", "words", PHRASE)
    ui.set_widget(page, "P2PAttentionStore", "live", True)
    canvas.show(page, "P2PAttentionStore")
    ui.run(page, host)
    page.locator(".p2p-viewer-word").first.wait_for(state="attached")
    canvas.show(page, "P2PAttentionMaps")
    shown = page.locator(".p2p-viewer-word", has_text=PHRASE).first
    assert shown.text_content() == PHRASE
    shown.dispatch_event("pointerenter")
    shown.dispatch_event("pointerover")
    shown.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    ui.screenshot(page, "hostile_viewer")


def test_in_prompts_with_chips_and_their_tooltips(harmless, host):
    page = harmless
    ui.load(page, ui.template("fader_mini"))
    small(page)
    with_markup(page)
    ui.set_widget(page, "P2PReweightController", "scales", f"{PHRASE}: 2\nred: 1.5")
    canvas.show(page, "P2PReweightController")
    chips = page.locator("[data-word]")
    chips.first.wait_for(state="attached")
    for number in range(min(chips.count(), 12)):
        chips.nth(number).dispatch_event("pointerover")
        chips.nth(number).dispatch_event("pointerenter")
    ui.run(page, host)
    canvas.show(page, "P2PApply")
    assert "< img src" in texts(page, ".p2p-live") or "onerror" in texts(page, ".p2p-live")
    ui.screenshot(page, "hostile_chips")


def test_in_the_message_of_a_mistake(harmless, complaints):
    page = harmless
    complaints.expect(r"answer 400|Prompt execution failed|prompt_outputs|Prompt outputs")
    ui.load(page, ui.template("fader_mini"))
    ui.set_widget(page, "P2PReweightController", "scales", f"{IMAGE}: {SCRIPT}")
    canvas.show(page, "P2PReweightController")
    page.evaluate("() => { app.queuePrompt(0, 1).catch(() => {}); }")
    page.wait_for_timeout(1500)
    ui.screenshot(page, "hostile_message")
    page.keyboard.press("Escape")
    assert "onerror" in texts(page, ".p2p-note")


def hostile_store() -> AttentionStore:
    maps = torch.rand(1, len(WORDS), 4, 4, generator=torch.Generator().manual_seed(0)).half()
    roles = (IMAGE, SCRIPT)
    rows = tuple(RowMaps(row, f"{WORDS} {row}", "positive", roles[row], WORDS, maps) for row in (0, 1))
    return AttentionStore(AttentionRequest((), "positive", "medium", Window(), False), AttentionRecord(rows, (0.0,)))


def test_in_a_file_of_attention(harmless, host):
    page = harmless
    folder = host.folder / "input"
    folder.mkdir(exist_ok=True)
    save_attention(hostile_store(), folder / FILE, IMAGE)
    canvas.maps_of_file(page, FILE, (0xC08040, 0x4080C0), (64, 64))
    ui.run(page, host)
    page.locator(".p2p-viewer-word").first.wait_for(state="attached")
    canvas.show(page, "P2PAttentionMaps")
    shown = page.locator(".p2p-viewer-word").all_text_contents()
    assert set(WORDS) <= set(shown)
    for number in range(len(WORDS)):
        page.locator(".p2p-viewer-word").nth(number).focus()
        page.locator(".p2p-viewer-word").nth(number).dispatch_event("pointerenter")
    ui.screenshot(page, "hostile_file")


def test_in_the_workflow_of_a_picture(harmless):
    page = harmless
    workflow = ui.template("fader_mini")
    for node in workflow["nodes"]:
        node["title"] = IMAGE
        if node["type"] in ("P2PTextEncode", "P2PReweightController"):
            node["widgets_values"][0] = f"{' '.join(WORDS)} red car"
    notes, content = PngInfo(), BytesIO()
    notes.add_text("workflow", json.dumps(workflow))
    Image.new("RGB", (8, 8)).save(content, "PNG", pnginfo=notes)
    ui.drop_file(page, content.getvalue(), f"{IMAGE}.png", "image/png")
    page.wait_for_function("() => app.graph.nodes.some((node) => node.type === 'P2PReweightController')")
    ui.settle(page, 10)
    canvas.show(page, "P2PReweightController")
    page.wait_for_timeout(500)
    assert "onerror" in ui.widget(page, "P2PTextEncode", "text")
    assert IMAGE.split()[0] in str(ui.widget(page, "P2PReweightController", "scales"))
