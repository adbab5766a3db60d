"""Without the pack's JavaScript everything runs as with it: what it shows is only a view of plain strings."""

import pytest
from p2p.tests.browser import ui
from p2p.tests.browser.twins import RUNNABLE, run_small, same

SCRIPTS = "**/extensions/prompt-to-prompt/**/*.js"
# The front end tells of scripts that it misses, and once of every kind of message from the server that none listens to.
BLOCKED = (
    r"extensions/prompt-to-prompt/.*\.js|Error loading extension|Unhandled message: \{\"type\": \"prompt_to_prompt\."
)


@pytest.fixture
def bare_page(fresh_page, complaints, host, renderer):
    """A page whose server seems to have no script of this pack."""
    assert own_extensions(fresh_page)
    complaints.forget()
    complaints.expect(BLOCKED)
    fresh_page.route(SCRIPTS, lambda route: route.abort())
    ui.open_app(fresh_page, host, renderer)
    return fresh_page


def test_every_template_gives_the_same_latent(bare_page, host, twin_latents):
    assert not own_extensions(bare_page)
    different = [path.stem for path in RUNNABLE if not same(run_small(bare_page, host, path), twin_latents.of(path))]
    assert not different


def own_extensions(page):
    """Return the names of the pack's extensions that a page has loaded."""
    names = page.evaluate("app.extensions.map((extension) => extension.name)")
    return [name for name in names if name.startswith("prompt_to_prompt.")]
