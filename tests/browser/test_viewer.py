"""The attention viewer in the real front end, on maps whose values are known: its pixels, and what it answers to."""

import base64
from io import BytesIO

import numpy
import pytest
import torch
from p2p.p2p_core.attention_files import save_attention
from p2p.p2p_core.attention_pictures import heat_colours, heat_map, shares
from p2p.p2p_core.attention_store import AttentionRecord, AttentionRequest, AttentionStore, RowMaps
from p2p.p2p_core.windows import Window
from p2p.tests.browser import canvas, ui
from PIL import Image

FILE = "known.attention.safetensors"
MARKUP = "<img src=x onerror=alert(1)>"
GRID, LATENT, PICTURE = (8, 12), (16, 24), (128, 192)  # height, width: not square
COLOURS = (0xC08040, 0x4080C0)  # of the two pictures
STEPS = 3
OPACITY = 0.6
WORDS = ((MARKUP, "cat", "mat"), ("dog", "mat"))


def known_maps(seed: int, words: int) -> torch.Tensor:
    """Smooth maps, each strongest at a place of its own."""
    noise = torch.rand(STEPS, words, 3, 4, generator=torch.Generator().manual_seed(seed))
    fine = torch.nn.functional.interpolate(noise, size=GRID, mode="bicubic").clamp(0, 1)
    return (fine * torch.tensor([0.1, 0.4, 0.7][-words:])[None, :, None, None]).half()


def known_mask() -> torch.Tensor:
    mask = torch.zeros(LATENT).bool()
    mask[4:12, :12] = True
    return mask


def record() -> AttentionRecord:
    roles, prompts = ("source", "target 1"), (f"{MARKUP} cat mat", "dog mat")
    rows = tuple(
        RowMaps(row, prompts[row], "positive", roles[row], WORDS[row], known_maps(row, len(WORDS[row])))
        for row in (0, 1)
    )
    return AttentionRecord(rows, (0.0, 0.5, 1.0), blend_masks=(None, known_mask()))


@pytest.fixture(scope="package")
def known_file(host):
    """A file of known maps in the server's input folder."""
    request = AttentionRequest((), "positive", "medium", Window(), keep_steps=True)
    folder = host.folder / "input"
    folder.mkdir(exist_ok=True)
    save_attention(AttentionStore(request, record()), folder / FILE, "0")


@pytest.fixture
def viewer(page, host, known_file):
    """The viewer of a node that has run on the known maps and two plain pictures, in view."""
    canvas.maps_of_file(page, FILE, COLOURS, PICTURE)
    ui.run(page, host)
    in_view(page)
    return page.locator(".p2p-viewer")


def in_view(page) -> None:
    page.locator(".p2p-viewer-word").first.wait_for(state="attached")
    page.mouse.move(1, 1)
    page.evaluate(
        """async () => {
          const {ds} = app.canvas;
          const node = app.graph.nodes.find((n) => n.type === 'P2PAttentionMaps');
          ds.scale = 1;
          ds.offset[0] = 400 - node.pos[0];
          ds.offset[1] = 100 - node.pos[1];
          app.canvas.setDirty(true, true);
          await new Promise((done) => setTimeout(done, 300));
          ds.offset[1] -= document.querySelector('.p2p-viewer').getBoundingClientRect().bottom - innerHeight + 30;
          app.canvas.setDirty(true, true);
        }"""
    )
    ui.settle(page)


def word(viewer, row: int, label: str):
    return viewer.locator(f"{line(row)} .p2p-viewer-word", has_text=label)


def line(row: int) -> str:
    """Where the words of a picture are: below it, or in a line of their own."""
    return f":is(.p2p-viewer-figure:nth-child({row + 1}) > .p2p-viewer-words, .p2p-viewer-line:nth-child({row + 1}))"


def heat(viewer, row: int):
    return viewer.locator(f".p2p-viewer-layer[data-row='{row}'] .p2p-viewer-heat")


def pixels(canvas) -> numpy.ndarray:
    """What is on a canvas: (height, width, 4) of bytes."""
    png = canvas.evaluate("canvas => canvas.toDataURL('image/png').split(',')[1]")
    return numpy.asarray(Image.open(BytesIO(base64.b64decode(png))).convert("RGBA")).astype(int)


def expected(map_: torch.Tensor, full: float, shape) -> numpy.ndarray:
    return (heat_colours(shares(map_, full, *shape)) * 255).numpy()


def mean_map(row: int, number: int) -> torch.Tensor:
    return record().rows[row].maps[:, number].float().mean(dim=0)


def nodes(page) -> list[dict]:
    """The nodes of the canvas, whichever of them lies on top."""
    return sorted(({**node, "order": 0} for node in ui.workflow(page)["nodes"]), key=lambda node: node["id"])


def shot(part) -> numpy.ndarray:
    return numpy.asarray(Image.open(BytesIO(part.screenshot())).convert("RGB")).astype(float)


def marked(viewer) -> list[str]:
    return viewer.locator(".p2p-viewer-focused").all_inner_texts()


def ranks(viewer) -> list[str]:
    return viewer.locator(".p2p-viewer-rank").evaluate_all("ranks => ranks.map((rank) => rank.dataset.label)")


def mode(viewer, name: str) -> None:
    viewer.get_by_role("button", name=name, exact=True).click()


def box_of(viewer, row: int):
    return viewer.locator(f".p2p-viewer-box[data-row='{row}']")


def point_at(page, viewer, row: int, x: float, y: float) -> None:
    place = box_of(viewer, row).bounding_box()
    page.mouse.move(place["x"] + x * place["width"], place["y"] + y * place["height"])


def expected_ranks(row: int, x: float, y: float) -> list[str]:
    """At the middle of a place of the grid."""
    values = [mean_map(row, number)[int(y * GRID[0]), int(x * GRID[1])].item() for number in range(len(WORDS[row]))]
    return [WORDS[row][number] for number in sorted(range(len(values)), key=lambda number: -values[number])]


class TestPixels:
    def test_of_a_heat_map_are_the_colours_of_its_values(self, viewer):
        for row, number, label in ((0, 1, "cat"), (1, 0, "dog")):
            word(viewer, row, label).hover()
            found = pixels(heat(viewer, row))
            assert found.shape[0] * 12 == found.shape[1] * 8  # the latent's shape
            map_ = mean_map(row, number)
            assert numpy.abs(found[..., :3] - expected(map_, float(map_.max()), found.shape[:2])).max() <= 3
            assert (found[..., 3] == 255).all()

    def test_on_the_page_are_those_of_the_nodes_own_pictures(self, viewer):
        """The picture under the map paled and mixed in the same way, wherever the page has it and however large."""
        word(viewer, 0, "cat").hover()
        seen = shot(box_of(viewer, 0))
        colour = torch.tensor([COLOURS[0] >> 16, COLOURS[0] >> 8 & 255, COLOURS[0] & 255]) / 255
        map_ = mean_map(0, 1)
        whole = heat_map(colour.expand(*seen.shape[:2], 3), map_, float(map_.max()), OPACITY).numpy() * 255
        inside = slice(6, -6)  # the corners are round
        difference = numpy.abs(seen - whole)[inside, inside]
        assert difference.max() < 12
        assert difference.mean() < 2

    def test_on_a_shared_scale(self, viewer):
        mode(viewer, "shared")
        word(viewer, 0, "cat").hover()
        full = max(float(mean_map(row, number).max()) for row in (0, 1) for number in range(len(WORDS[row])))
        map_ = mean_map(0, 1)
        assert full > 1.3 * float(map_.max())
        found = pixels(heat(viewer, 0))
        assert numpy.abs(found[..., :3] - expected(map_, full, found.shape[:2])).max() <= 3

    def test_of_a_step(self, viewer):
        slider = viewer.locator(".p2p-viewer-step")
        word(viewer, 0, "mat").click()
        slider.focus()
        for step in range(STEPS):
            slider.press("ArrowRight")
            map_ = record().rows[0].maps[step, 2].float()
            found = pixels(heat(viewer, 0))
            assert numpy.abs(found[..., :3] - expected(map_, float(map_.max()), found.shape[:2])).max() <= 3
            assert f"step {step}" in slider.get_attribute("aria-valuetext")

    def test_with_no_opacity_are_the_pictures_own(self, viewer):
        slider = viewer.locator(".p2p-viewer-opacity")
        slider.focus()
        slider.press("Home")
        word(viewer, 0, "cat").hover()
        assert heat(viewer, 0).is_visible()
        seen = shot(box_of(viewer, 0))[6:-6, 6:-6]  # the corners are round
        assert numpy.abs(seen - [0xC0, 0x80, 0x40]).max() <= 1

    def test_of_the_blend_mask(self, viewer):
        mode(viewer, "Blend mask")
        canvas = viewer.locator(".p2p-viewer-layer[data-row='1'] .p2p-viewer-mask")
        found = pixels(canvas)
        times = found.shape[0] // LATENT[0]
        middles = found[times // 2 :: times, times // 2 :: times, 3]
        assert numpy.array_equal(middles > 0, ~known_mask().numpy())
        assert "25 % of the picture may change" in viewer.inner_text()
        seen = shot(box_of(viewer, 1))
        height, width = seen.shape[:2]
        assert numpy.allclose(seen[height // 2, width // 4], [0x40, 0x80, 0xC0], atol=2)
        assert (seen[height // 10, width // 10] < 0.5 * numpy.array([0x40, 0x80, 0xC0])).all()


class TestWords:
    def test_pointed_at_locked_and_let_go(self, viewer, page):
        word(viewer, 0, "cat").hover()
        assert marked(viewer) == ["cat", "dog"]  # what took its place
        assert heat(viewer, 1).is_visible()
        page.mouse.move(1, 1)
        assert marked(viewer) == []
        assert heat(viewer, 0).is_hidden()
        word(viewer, 0, "cat").click()
        page.mouse.move(1, 1)
        assert marked(viewer) == ["cat", "dog"]
        assert word(viewer, 0, "cat").get_attribute("aria-pressed") == "true"
        word(viewer, 0, "mat").hover()
        assert marked(viewer) == ["mat", "mat"]
        page.mouse.move(1, 1)
        assert marked(viewer) == ["cat", "dog"]
        page.keyboard.press("Escape")
        assert marked(viewer) == []

    def test_a_word_that_a_picture_lacks_shows_no_map_there(self, viewer):
        word(viewer, 0, MARKUP).hover()
        assert heat(viewer, 0).is_visible()
        assert heat(viewer, 1).is_hidden()

    def test_by_keyboard_alone(self, viewer, page):
        word(viewer, 0, "cat").focus()
        page.keyboard.press("ArrowLeft")
        assert marked(viewer) == [MARKUP]
        page.keyboard.press("End")
        assert marked(viewer) == ["mat", "mat"]
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowLeft")
        assert marked(viewer) == ["cat", "dog"]
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")  # past the other picture's point to its words
        assert page.evaluate("document.activeElement.textContent") in ("dog", "mat")
        page.evaluate("document.activeElement.blur()")
        assert marked(viewer) == ["mat", "mat"]  # the lock

    def test_keys_do_nothing_to_the_graph(self, viewer, page):
        before = nodes(page)
        word(viewer, 0, "cat").focus()
        for key in ("ArrowRight", "ArrowDown", "Enter", "Space", "Home", "Escape"):
            page.keyboard.press(key)
        box_of(viewer, 0).focus()
        for key in ("ArrowRight", "ArrowDown", "Escape"):
            page.keyboard.press(key)
        assert nodes(page) == before

    def test_markup_is_text(self, viewer, page):
        assert word(viewer, 0, MARKUP).inner_text() == MARKUP
        point_at(page, viewer, 0, 0.5, 0.5)
        assert MARKUP in ranks(viewer)
        assert viewer.locator("img[src='x']").count() == 0


class TestPoints:
    @pytest.mark.parametrize(("x", "y"), [(1.5 / 12, 1.5 / 8), (6.5 / 12, 4.5 / 8), (10.5 / 12, 6.5 / 8)])
    @pytest.mark.parametrize("row", [0, 1])
    def test_words_rank_by_what_they_have_there(self, viewer, page, row, x, y):
        point_at(page, viewer, row, x, y)
        assert ranks(viewer) == expected_ranks(row, x, y)
        widths = viewer.locator(".p2p-viewer-bar-of").evaluate_all(
            "bars => bars.map((bar) => Number(getComputedStyle(bar).getPropertyValue('--p2p-share')))"
        )
        assert widths[0] == 1
        assert widths == sorted(widths, reverse=True)
        assert viewer.locator(".p2p-viewer-mark").first.is_visible()
        page.mouse.move(1, 1)
        assert ranks(viewer) == []

    def test_a_click_keeps_the_point_until_escape(self, viewer, page):
        point_at(page, viewer, 1, 0.25, 0.25)
        page.mouse.down()
        page.mouse.up()
        kept = ranks(viewer)
        page.mouse.move(1, 1)
        assert ranks(viewer) == kept != []
        page.keyboard.press("Escape")
        assert ranks(viewer) == []

    def test_moved_by_the_arrow_keys(self, viewer, page):
        box_of(viewer, 0).focus()
        for _ in range(3):
            page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("Shift+ArrowUp")
        mark = box_of(viewer, 0).locator(".p2p-viewer-mark")
        assert mark.evaluate("mark => [mark.style.left, mark.style.top]") == ["12.5%", "37.5%"]
        assert ranks(viewer)[0] == expected_ranks(0, 0.12, 0.37)[0]


class TestCompare:
    def border(self, viewer) -> float:
        """Where the two plain pictures meet, as a part of the width, as it is seen."""
        seen = shot(box_of(viewer, 1))
        middle = seen[seen.shape[0] // 5]
        return float((middle[:, 0] > middle[:, 2]).mean())

    def test_by_keyboard(self, viewer, page):
        mode(viewer, "Before / after")
        slider = viewer.get_by_role("slider", name="Divider between source and target")
        assert self.border(viewer) == pytest.approx(0.5, abs=0.02)
        slider.focus()
        for _ in range(10):
            page.keyboard.press("ArrowLeft")
        assert self.border(viewer) == pytest.approx(0.4, abs=0.02)
        assert slider.get_attribute("aria-valuetext") == "40 % source"
        page.keyboard.press("End")
        assert self.border(viewer) > 0.97

    def test_by_mouse(self, viewer, page):
        mode(viewer, "Before / after")
        place = box_of(viewer, 1).bounding_box()
        before = nodes(page)
        page.mouse.move(place["x"] + 0.5 * place["width"], place["y"] + 20)
        page.mouse.down()
        page.mouse.move(place["x"] + 0.75 * place["width"], place["y"] + 30, steps=4)
        page.mouse.up()
        assert self.border(viewer) == pytest.approx(0.75, abs=0.03)
        assert nodes(page) == before  # it was not the node that was dragged

    def test_hold_to_flip(self, viewer, page):
        mode(viewer, "Before / after")
        button = viewer.get_by_role("button", name="Hold to flip")
        button.hover()
        page.mouse.down()
        assert self.border(viewer) == 0
        page.mouse.up()
        assert self.border(viewer) == pytest.approx(0.5, abs=0.02)
        button.focus()
        page.keyboard.down("Space")
        assert self.border(viewer) == 0
        page.keyboard.up("Space")
        assert self.border(viewer) == pytest.approx(0.5, abs=0.02)

    def test_heat_maps_on_both(self, viewer):
        mode(viewer, "Before / after")
        word(viewer, 0, "cat").hover()
        assert heat(viewer, 0).is_visible()
        assert heat(viewer, 1).is_visible()
        ui.screenshot(viewer.page, "viewer_compare")


def test_pointing_asks_nothing_of_the_server(viewer, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for row, label in ((0, "cat"), (0, "mat"), (1, "dog")):
        word(viewer, row, label).hover()
    word(viewer, 0, "cat").click()
    point_at(page, viewer, 1, 0.3, 0.6)
    viewer.locator(".p2p-viewer-step").press("ArrowRight")
    viewer.locator(".p2p-viewer-opacity").press("ArrowRight")
    mode(viewer, "shared")
    page.wait_for_timeout(200)
    assert [url for url in asked if "/view" in url] == []
    assert asked == []


def test_nothing_of_it_is_saved_or_queued(viewer, page):
    node = next(node for node in ui.workflow(page)["nodes"] if node["type"] == "P2PAttentionMaps")
    assert node["widgets_values"] == ["", "grid", OPACITY, "per word", 0.5, 0, -1]
    assert all("p2p_viewer" not in node["inputs"] for node in ui.prompt(page).values())


def test_a_workflow_that_is_opened_again_has_its_view(viewer, page, host):
    """As the front end does when one goes to another tab and comes back: a new graph, then the outputs it kept."""
    word(viewer, 0, "cat").click()
    saved, outputs = ui.workflow(page), page.evaluate("JSON.parse(JSON.stringify(app.nodeOutputs))")
    ui.load(page, saved)
    page.evaluate("outputs => { app.nodeOutputs = outputs; }", outputs)
    in_view(page)
    word(page.locator(".p2p-viewer"), 1, "dog").hover()
    assert pixels(heat(page.locator(".p2p-viewer"), 1)).shape[2] == 4


def test_one_run_after_another(viewer, page, host):
    ui.set_widget(page, "P2PAttentionMaps", "words", "mat")
    ui.run(page, host)
    page.wait_for_function("document.querySelectorAll('.p2p-viewer-word').length === 2")
    assert viewer.locator(".p2p-viewer-word").all_inner_texts() == ["mat", "mat"]


def test_it_follows_the_size_of_its_node(viewer, page):
    def size():
        place = viewer.bounding_box()
        return place["width"], place["height"]

    page.evaluate("app.canvas.ds.offset[1] -= 250; app.canvas.setDirty(true, true)")
    ui.settle(page)
    before = size()
    canvas.resize(page, "P2PAttentionMaps", 160, 120)
    after = size()
    assert after[0] == pytest.approx(before[0] + 160, abs=12)
    assert after[1] > before[1] + 30  # the node's word chips get their part
    assert viewer.evaluate("viewer => viewer.scrollHeight <= viewer.clientHeight + 1")
    ui.screenshot(page, "viewer_side_by_side")
