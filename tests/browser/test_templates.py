"""Every template in the real front end, in both renderers."""

import pytest
from p2p.tests.browser import ui
from p2p.tests.browser.twins import RUNNABLE, run_small, same, twin
from p2p.tests.template_files import TEMPLATES, read_json
from PIL import Image


def name(path):
    return path.stem


def without_batch_size(prompt):
    """A canvas shows as many pictures as look well; a twin makes one."""
    return {
        identity: (node["class_type"], {key: value for key, value in node["inputs"].items() if key != "batch_size"})
        for identity, node in prompt.items()
    }


def test_there_are_runnable_templates():
    assert len(RUNNABLE) >= 8


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_template_opens_without_a_word(path, page):
    workflow = read_json(path)
    ui.load(page, workflow)
    ui.overview(page, f"template_{path.stem}")
    assert not ui.dialogs(page)
    assert not ui.missing_nodes(page)
    assert page.evaluate("app.graph.nodes.length") == len(workflow["nodes"])


@pytest.mark.parametrize("path", RUNNABLE, ids=name)
def test_a_template_is_the_graph_of_its_twin(path, page):
    ui.load(page, read_json(path))
    assert without_batch_size(ui.prompt(page)) == without_batch_size(twin(path))


@pytest.mark.parametrize("path", RUNNABLE, ids=name)
def test_a_template_gives_the_latent_of_its_twin(path, page, host, twin_latents):
    made = run_small(page, host, path)
    ui.overview(page, f"run_{path.stem}")
    assert same(made, twin_latents.of(path))


def test_the_button_runs_a_template(page, host):
    ui.load(page, ui.template("word_swap_mini"))
    ui.set_widget(page, "KSampler", "steps", 2)
    pictures = host.pictures(ui.run_by(page, host, page.get_by_role("button", name="Run", exact=True).click))
    assert len(pictures) == 4  # two prompts, two pictures of each
    assert all(picture.std() > 10 for picture in pictures)


def test_the_template_browser_shows_all_with_thumbnails(page):
    answers = []
    page.on("response", lambda reply: answers.append((reply.url.rsplit("/", 1)[-1], reply.status)))
    page.get_by_role("button", name="Templates", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("prompt-to-prompt", exact=True).click()
    for path in TEMPLATES:
        card = dialog.get_by_test_id(f"template-workflow-{path.stem}")
        card.scroll_into_view_if_needed()
        picture = card.locator("img").first
        picture.wait_for()
        page.wait_for_function("(image) => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
        shown = picture.evaluate("(image) => [image.naturalWidth, image.naturalHeight]")
        assert shown == list(Image.open(path.with_suffix(".jpg")).size)
        assert (f"{path.stem}.jpg", 200) in answers
    ui.screenshot(page, "template_browser")
    chosen = RUNNABLE[0]
    dialog.get_by_test_id(f"template-workflow-{chosen.stem}").click()
    dialog.wait_for(state="hidden")
    page.wait_for_function("(count) => app.graph.nodes.length === count", arg=len(read_json(chosen)["nodes"]))
    assert without_batch_size(ui.prompt(page)) == without_batch_size(twin(chosen))
