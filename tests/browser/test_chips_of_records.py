"""The word chips of nodes that adjust a record, whose words are those of the recorded prompt, and of guidance."""

import pytest
from p2p.tests.browser import canvas, ui
from p2p.tests.browser.host import with_inputs
from p2p.tests.browser.test_chips import chip, drag, text
from p2p.tests.template_files import FOLDER, read_json

MOVE, SCALE, BLEND, MASK = "P2PAdjustMove", "P2PAdjustScale", "P2PAdjustBlend", "P2PAdjustMask"
GUIDANCE, PLACE = "P2PAttentionGuidance", (300, 120)
WORDS = ["a", "photo", "of", "a", "cat", "on", "grass"]
WORD, SCALES, PHRASES, OTHER = (f"[data-input={name}]" for name in ("word", "scales", "words", "with_word"))
CLICK = "window.dispatchEvent(new MouseEvent('mouseup'))"  # after any click the front end looks at the graph
CONNECT = """([kind, file]) => {
  const add = (kind, pos) => {
    const node = LiteGraph.createNode(kind);
    node.pos = pos;
    app.graph.add(node);
    return node;
  };
  let record = app.graph.nodes.find((n) => n.type === 'P2PAdjustMove');
  if (file) {
    record = add('P2PLoadRecord', [0, 2000]);
    record.widgets.find((w) => w.name === 'file').value = file;
  }
  record.connect(0, add(kind, [0, 2400]), 'record');
  window.dispatchEvent(new MouseEvent('mouseup'));
}"""


@pytest.fixture
def recorded(page):
    """A page with a record of WORDS whose cat is moved."""
    ui.load(page, ui.template("adjust_record_mini"))
    return page


def shown(page, kind, section):
    """The section of a node's chips, in view, once the server has told the words."""
    canvas.show(page, kind, 1.25, PLACE)
    page.locator(section).locator("[data-word=source0], [data-word=target0]").wait_for()
    return section


def words(page, section):
    return page.locator(section).locator(".p2p-text").all_inner_texts()


def test_a_word_of_the_recorded_prompt_is_chosen(recorded):
    section = shown(recorded, MOVE, WORD)
    assert words(recorded, section) == WORDS
    assert chip(recorded, "cat", section).get_attribute("aria-pressed") == "true"
    chip(recorded, "grass", section).click()
    chip(recorded, "photo", section).click(modifiers=["Control"])
    ui.settle(recorded)
    assert text(recorded, MOVE, "word") == "grass, photo"
    ui.set_widget(recorded, "P2PTextEncode", "text", "two birds on grass")
    recorded.evaluate(CLICK)
    chip(recorded, "birds", section).wait_for()
    assert words(recorded, section) == ["two", "birds", "on", "grass"]


def test_scales_of_a_record_have_no_windows(recorded):
    recorded.evaluate(CONNECT, [SCALE, None])
    section = shown(recorded, SCALE, SCALES)
    drag(recorded, chip(recorded, "cat", section).locator(".p2p-slider"), 40 * 1.25)
    assert text(recorded, SCALE) == "cat: 1.5"
    ui.screenshot(recorded, "chips_adjust_scale")
    assert words(recorded, section) == WORDS
    assert recorded.locator(section).locator(".p2p-track, .p2p-handle").count() == 0


def test_one_word_is_chosen_to_blend_with(recorded):
    recorded.evaluate(CONNECT, [BLEND, None])
    own = shown(recorded, BLEND, f".p2p-chips:has({OTHER}) {WORD}")
    chip(recorded, "cat", own).click()
    chip(recorded, "photo", own).click(modifiers=["Control"])
    chip(recorded, "on", OTHER).click()
    chip(recorded, "grass", OTHER).click(modifiers=["Control"])
    ui.settle(recorded)
    ui.screenshot(recorded, "chips_adjust_blend")
    assert (text(recorded, BLEND, "word"), text(recorded, BLEND, "with_word")) == ("cat, photo", "grass")


@pytest.fixture(scope="package")
def saved(host):
    """The name of a record that the template's first sampler made."""
    small = with_inputs(
        read_json(FOLDER / "api" / "adjust_record.json"),
        KSampler={"steps": 2},
        EmptyLatentImage={"batch_size": 1},
    )
    kinds = {"P2PMiniSDXL", "P2PTextEncode", "CLIPTextEncode", "EmptyLatentImage", "P2PRecord"}
    graph = {identity: node for identity, node in small.items() if node["class_type"] in kinds}
    (record,) = (identity for identity, node in graph.items() if node["class_type"] == "P2PRecord")
    (sampler,) = (identity for identity, node in small.items() if node["inputs"].get("model") == [record, 0])
    inputs = {"record": [record, 1], "latent": [sampler, 0], "filename_prefix": "records/chips"}
    graph |= {sampler: small[sampler], "100": {"class_type": "P2PSaveRecord", "inputs": inputs}}
    ((file,),) = (output["record"] for output in host.run(graph).values())
    return f"{file['subfolder']}/{file['filename']} [output]"


def test_words_of_a_saved_record(page, saved):
    page.evaluate(CONNECT, [MASK, saved])
    section = shown(page, MASK, WORD)
    assert words(page, section) == WORDS
    chip(page, "cat", section).click()
    ui.settle(page)
    assert text(page, MASK, "word") == "cat"


def test_a_record_that_is_gone_is_said(page, complaints):
    complaints.expect("answer 400 .*/prompt_to_prompt/words")
    page.evaluate(CONNECT, [MASK, "gone.record.safetensors"])
    canvas.show(page, MASK, 1.25, PLACE)
    note = page.locator(".p2p-note").filter(has_text='There is no file "gone.record.safetensors"')
    note.first.wait_for()


def test_words_of_guidance_are_chosen(page):
    ui.load(page, ui.template("guidance_mini"))
    section = shown(page, GUIDANCE, PHRASES)
    assert words(page, section) == ["a", "purple", "car", "and", "a", "green", "star", "on", "wood"]
    chip(page, "wood", section).click()
    ui.settle(page)
    assert text(page, GUIDANCE, "words") == "purple car, green star, wood"
