"""The word chips in the real front end: chips and text in both directions, with mouse and keyboard."""

import pytest
from p2p.tests.browser import canvas, ui

FADER, REPLACE, MOVE, BLEND = "P2PReweightController", "P2PReplaceController", "P2PMoveController", "P2PLocalBlend"
SOURCE, TARGET = "a red cat, at night in fog", "a dog, a dog at night"


@pytest.fixture
def fader(page):
    """A page with a fader of one prompt: "a photo of a red car on grass"."""
    ui.load(page, ui.template("fader_mini"))
    return shown(page, FADER)


def shown(page, kind, scale=1.25):
    """The page, with a node's chips in view at this zoom."""
    canvas.show(page, kind, scale, (200, 150))
    page.locator(".p2p-chip[data-word^=target]").first.wait_for()  # those of the prompt, once the server has told
    return page


def text(page, kind=FADER, name="scales"):
    return page.evaluate(
        """([kind, name]) => app.canvas.graph.nodes.find((n) => n.type === kind).widgets
          .find((w) => w.name === name).value""",
        [kind, name],
    )


def text_box(page):
    """That of the fader: the one that has its text."""
    find = (
        "text => [...document.querySelectorAll('textarea')].findIndex((e) => e.checkVisibility() && e.value === text)"
    )
    return page.locator("textarea").nth(page.evaluate(find, text(page)))


def type_text(page, value):
    text_box(page).fill(value)
    ui.settle(page)


def chip(page, word, of=None):
    """The chip of a word; its text is all that counts, so a number in it is left out."""
    chips = page.locator(of or ".p2p-chips").locator(".p2p-chip")
    return chips.filter(has=page.locator(".p2p-text", has_text=word)).first


def slider(page, word):
    return chip(page, word).locator(".p2p-slider")


def value(page, word):
    return float(slider(page, word).get_attribute("aria-valuenow"))


def centre(part):
    box = part.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, part, pixels):
    x, y = centre(part)
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 5):
        page.mouse.move(x + pixels * step / 4, y + step)
    page.mouse.up()
    ui.settle(page)


def put_prompts(page, source, target):
    """Give the two encoders of a template these texts, as someone who types would."""
    page.evaluate(
        """([source, target]) => {
          const node = app.graph.nodes.find((n) => n.inputs.some((i) => i.name === 'target'));
          for (const [name, text] of [['source', source], ['target', target]]) {
            const link = node.getInputLink(node.inputs.findIndex((i) => i.name === name));
            const widget = app.graph.getNodeById(link.origin_id).widgets.find((w) => w.name === 'text');
            widget.value = text;
            widget.callback?.(text);
          }
          window.dispatchEvent(new MouseEvent('mouseup')); // as after any click
        }""",
        [source, target],
    )
    ui.settle(page)


def test_every_word_has_a_chip_that_shows_the_text(fader):
    words = fader.locator(".p2p-chip .p2p-text").all_inner_texts()
    assert words == ["a", "photo", "of", "a", "red", "car", "on", "grass"]
    assert value(fader, "red") == 3 and value(fader, "car") == 1
    assert "token 5" in slider(fader, "red").get_attribute("title")


def test_typing_changes_the_chips(fader):
    type_text(fader, "car: -0.5 @ 0.2-0.8\nfog: 2")
    assert value(fader, "red") == 1 and value(fader, "car") == -0.5
    handles = chip(fader, "car").locator(".p2p-handle")
    assert [handles.nth(i).get_attribute("aria-valuenow") for i in (0, 1)] == ["0.2", "0.8"]
    assert "“fog”" in fader.locator(".p2p-note").inner_text()
    ui.screenshot(fader, "chips_typed")


@pytest.mark.parametrize("scale", [0.6, 1.5])
def test_a_drag_goes_as_far_at_any_zoom(fader, scale):
    shown(fader, FADER, scale)
    drag(fader, slider(fader, "grass"), 40 * scale)
    assert text(fader) == "red: 3\ngrass: 1.5"
    drag(fader, slider(fader, "red"), -80 * scale)
    assert text(fader) == "red: 2\ngrass: 1.5"
    assert fader.evaluate("app.canvas.ds.scale") == scale


def test_a_drag_does_not_move_the_node_or_the_canvas(fader):
    places = "[Object.fromEntries(app.graph.nodes.map((n) => [n.id, [...n.pos]])), [...app.canvas.ds.offset]]"
    before = fader.evaluate(places)
    drag(fader, slider(fader, "car"), 60)
    assert text(fader) != "red: 3" and fader.evaluate(places) == before


def test_keyboard_only(fader):
    slider(fader, "car").focus()
    for keys, expected in [
        (["ArrowRight"], "red: 3\ncar: 1.05"),
        (["ArrowLeft", "ArrowLeft"], "red: 3\ncar: 0.95"),
        (["Shift+ArrowRight"], "red: 3\ncar: 1.45"),
        (["Control+ArrowUp"], "red: 3\ncar: 1.5"),
        (["Control+ArrowDown"], "red: 3\ncar: 1.45"),
        (["Delete"], "red: 3\ncar: 0"),
        (["Home"], "red: 3\ncar: -2"),
        (["End"], "red: 3\ncar: 4"),
        (["Enter"], "red: 3"),
        (["Tab", "ArrowRight", "Shift+ArrowRight"], "red: 3\ncar: 1 @ 0.11-1"),
        (["Tab", "Shift+ArrowLeft"], "red: 3\ncar: 1 @ 0.11-0.9"),
        (["Delete"], "red: 3"),
        (["Tab", "ArrowRight"], "red: 3\non: 1.05"),
    ]:
        for key in keys:
            fader.keyboard.press(key)
        ui.settle(fader, 1)
        assert text(fader) == expected, keys
    assert ui.node_ids(fader, FADER)  # Delete was the chip's


def test_the_focus_is_seen(fader):
    slider(fader, "car").focus()
    fader.keyboard.press("ArrowRight")
    assert fader.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_wheel_is_the_chips_only_with_the_focus(fader):
    fader.mouse.move(*centre(slider(fader, "car")))
    fader.mouse.wheel(0, -100)
    ui.settle(fader)
    assert text(fader) == "red: 3" and fader.evaluate("app.canvas.ds.scale") > 1.26
    shown(fader, FADER)
    slider(fader, "car").focus()
    fader.mouse.move(*centre(slider(fader, "car")))
    fader.mouse.wheel(0, -100)
    ui.settle(fader)
    assert text(fader) == "red: 3\ncar: 1.05" and fader.evaluate("app.canvas.ds.scale") == 1.25


def test_a_double_click_is_neutral(fader):
    slider(fader, "red").dblclick()
    assert text(fader) == "" and value(fader, "red") == 1


def test_a_window_is_dragged(fader):
    end = chip(fader, "red").locator(".p2p-handle").nth(1)
    drag(fader, end, -chip(fader, "red").locator(".p2p-track").bounding_box()["width"] / 2)
    assert text(fader) == "red: 3 @ 0-0.5"
    end.dblclick()
    assert text(fader) == "red: 3"


def test_undo_takes_back_one_gesture(fader):
    drag(fader, slider(fader, "car"), 60)
    dragged = text(fader)
    slider(fader, "grass").focus()
    fader.keyboard.press("ArrowRight")
    ui.settle(fader)
    assert text(fader) == f"{dragged}\ngrass: 1.05"
    for expected in (dragged, "red: 3"):
        fader.keyboard.press("Control+z")
        fader.wait_for_function("text => app.graph.nodes.find((n) => n.type === 'P2PReweightController')"
                                ".widgets.find((w) => w.name === 'scales').value === text", arg=expected)  # fmt: skip
    fader.locator(".p2p-chip").first.wait_for()
    ui.settle(fader)
    assert value(fader, "car") == 1 and value(fader, "red") == 3
    fader.keyboard.press("Control+y")
    ui.settle(fader, 10)
    assert text(fader) == dragged


def test_a_linked_text_makes_the_chips_read_only(fader):
    fader.evaluate(
        """() => {
          const text = LiteGraph.createNode('PrimitiveStringMultiline');
          app.graph.add(text);
          text.widgets[0].value = 'car: 2';
          const node = app.graph.nodes.find((n) => n.type === 'P2PReweightController');
          text.connect(0, node, node.inputs.findIndex((i) => i.name === 'scales'));
        }"""
    )
    ui.settle(fader)
    assert value(fader, "car") == 2 and value(fader, "red") == 1
    assert slider(fader, "car").get_attribute("aria-readonly") == "true"
    assert "comes from another node" in fader.locator(".p2p-note").inner_text()
    drag(fader, slider(fader, "car"), 60)
    slider(fader, "car").focus()
    fader.keyboard.press("ArrowRight")
    assert text(fader) == "red: 3"


def test_a_mistake_in_the_text_is_said_and_nothing_is_lost(fader):
    type_text(fader, "car: much")
    assert '"car: much" is not a scale of a word' in fader.locator(".p2p-note").inner_text()
    drag(fader, slider(fader, "car"), 60)
    assert text(fader) == "car: much"


def test_files_and_prompts_know_nothing_of_chips(fader):
    drag(fader, slider(fader, "car"), 40)
    workflow, prompt = ui.workflow(fader), ui.prompt(fader)
    (node,) = [node for node in workflow["nodes"] if node["type"] == FADER]
    assert node["widgets_values"] == [text(fader)]
    (inputs,) = [node["inputs"] for node in prompt.values() if node["class_type"] == FADER]
    assert set(inputs) == {"scales", "conditioning"}
    ui.load(fader, workflow)
    shown(fader, FADER)
    assert nodes_of(ui.workflow(fader)) == nodes_of(workflow) and value(fader, "red") == 3


def nodes_of(workflow):
    """The nodes without where they are drawn: Nodes 2.0 rounds places and sizes differently each time it draws."""
    return [{key: part for key, part in node.items() if key not in ("pos", "size")} for node in workflow["nodes"]]


def test_a_copy_has_chips_of_its_own(fader):
    fader.evaluate(
        """() => {
          const node = app.graph.nodes.find((n) => n.type === 'P2PReweightController');
          app.canvas.selectNode(node);
          app.canvas.copyToClipboard();
          app.canvas.pasteFromClipboard({connectInputs: true});
        }"""
    )
    ui.settle(fader)
    assert len(ui.node_ids(fader, FADER)) == 2
    fader.evaluate(
        """() => {
          const [first, copy] = app.graph.nodes.filter((n) => n.type === 'P2PReweightController');
          copy.pos = [first.pos[0], first.pos[1] + 400];
          first.pos = [first.pos[0] - 3000, first.pos[1]];
          window.dispatchEvent(new MouseEvent('mouseup')); // as after any click
          app.canvas.ds.offset[0] = -copy.pos[0] + 200;
          app.canvas.ds.offset[1] = -copy.pos[1] + 150;
          app.canvas.setDirty(true, true);
        }"""
    )
    ui.settle(fader, 10)
    visible = fader.locator(".p2p-slider:visible")
    boxes = [visible.nth(i) for i in range(visible.count()) if (visible.nth(i).bounding_box() or {}).get("x", -1) > 0]
    boxes[-1].focus()
    fader.keyboard.press("Delete")
    ui.settle(fader)
    texts = fader.evaluate(
        "app.graph.nodes.filter((n) => n.type === 'P2PReweightController').map((n) => n.widgets[0].value)"
    )
    assert sorted(texts) == ["red: 3", "red: 3\ngrass: 0"]


def test_the_alignment_is_marked(page):
    ui.load(page, ui.template("word_swap_mini"))
    put_prompts(page, SOURCE, TARGET)
    shown(page, REPLACE)
    page.locator(".p2p-removed").first.wait_for()
    ui.screenshot(page, "chips_alignment")
    swapped = chip(page, "dog")
    assert swapped.locator(".p2p-old").inner_text().split() == ["red", "cat", "→"]
    assert page.locator(".is-added .p2p-text").all_inner_texts() == ["+ a", "+ dog"]
    assert page.locator(".p2p-removed").all_inner_texts() == ["in", "fog"]
    end = swapped.locator(".p2p-handle").nth(1)
    end.focus()
    page.keyboard.press("Shift+ArrowLeft")
    ui.settle(page)
    assert text(page, REPLACE, "word_windows") == "dog#1: 0-0.7"


def test_markup_in_a_prompt_is_text(page):
    ui.load(page, ui.template("word_swap_mini"))
    put_prompts(page, "a <img src=x onerror=alert(1)> cat", "a <b>bold</b> cat")
    shown(page, REPLACE)
    page.locator(".p2p-text", has_text="bold").first.wait_for()
    assert page.locator(".p2p-chips b, .p2p-chips img, .p2p-chips script").count() == 0
    assert "<" in page.locator(".p2p-chips").first.inner_text()


def test_a_word_to_move_is_chosen(page):
    ui.load(page, ui.template("move_a_word_mini"))
    shown(page, MOVE)
    chip(page, "grass").click()
    ui.settle(page)
    assert text(page, MOVE, "word") == "grass"
    chip(page, "red").click()
    chip(page, "car").click(modifiers=["Shift"])
    ui.settle(page)
    assert text(page, MOVE, "word") == "red car"
    assert chip(page, "car").get_attribute("aria-pressed") == "true"
    chip(page, "grass").focus()
    page.keyboard.press("Enter")
    ui.settle(page)
    assert text(page, MOVE, "word") == "grass"


def test_words_of_a_blend_are_chosen_for_each_input(page):
    ui.load(page, ui.template("local_blend_mini"))
    shown(page, BLEND)
    chip(page, "dog", '[data-input="target_words"]').click()
    chip(page, "cat", '[data-input="source_words"]').click()
    chip(page, "sand", '[data-input="keep_words"]').click()
    ui.settle(page)
    assert [text(page, BLEND, name) for name in ("target_words", "source_words", "keep_words")] == [
        "dog",
        "cat",
        "sand",
    ]
    ui.screenshot(page, "chips_blend")


def test_in_a_subgraph(fader, complaints):
    complaints.expect("Attempted to cleanup event listeners")  # of the front end, whenever a subgraph is made
    fader.evaluate(
        """() => {
          const node = app.graph.nodes.find((n) => n.type === 'P2PReweightController');
          const {subgraph} = app.graph.convertToSubgraph(new Set([node]));
          app.canvas.setGraph(subgraph);
        }"""
    )
    ui.settle(fader, 10)
    shown(fader, FADER)
    fader.locator(".p2p-text", has_text="photo").first.wait_for()
    slider(fader, "car").focus()
    fader.keyboard.press("ArrowRight")
    ui.settle(fader)
    assert text(fader) == "red: 3\ncar: 1.05"
    fader.evaluate("app.canvas.setGraph(app.graph.rootGraph ?? app.graph)")


def test_chips_alone_in_a_node_follow_its_size(fader):
    """They share what the node has left with its text box."""

    def heights():
        return [part.bounding_box()["height"] for part in (fader.locator(".p2p-chips"), text_box(fader))]

    before = heights()
    canvas.resize(fader, FADER, 0, 200)
    after = heights()
    ui.screenshot(fader, "chips_in_a_taller_node")
    assert sum(after) == pytest.approx(sum(before) + 200, abs=12)
    assert all(new > old + 60 for new, old in zip(after, before, strict=True))
