"""Every template in the real front end, in both renderers."""

import pytest
from p2p.tests.browser import ui
from p2p.tests.browser.host import with_inputs, with_saved_latents
from p2p.tests.template_files import FOLDER, TEMPLATES, read_json

SMALL = {"KSampler": {"steps": 4}, "EmptyLatentImage": {"batch_size": 1}}
RUNNABLE = [path for path in TEMPLATES if "P2PMiniSDXL" in path.read_text(encoding="utf-8")]


def name(path):
    return path.stem


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_template_opens_without_a_word(path, page):
    workflow = read_json(path)
    ui.load(page, workflow)
    assert not ui.dialogs(page)
    assert not ui.missing_nodes(page)
    assert page.evaluate("app.graph.nodes.length") == len(workflow["nodes"])
    ui.fit(page)
    ui.screenshot(page, f"template_{path.stem}")


@pytest.mark.parametrize("path", RUNNABLE, ids=name)
def test_a_template_gives_the_latent_of_its_twin(path, page, host):
    twin = with_inputs(read_json(FOLDER / "api" / f"{path.stem.removesuffix('_mini')}.json"), **SMALL)
    ui.load(page, read_json(path))
    for kind, values in SMALL.items():
        for widget, value in values.items():
            ui.set_widget(page, kind, widget, value)
    ui.save_latents(page)
    made = host.latents(ui.run(page, host))
    host.forget()
    expected = host.latents(host.run(with_saved_latents(twin)))
    assert len(made) == len(expected) > 0
    assert all(one.equal(other) for one, other in zip(made, expected, strict=True))
