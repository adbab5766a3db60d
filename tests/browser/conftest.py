"""A real ComfyUI and a real browser for the tests of this folder; ui.py tells what tests get and do."""

import os
import sys
from pathlib import Path

import pytest
from p2p.development import browser as browsers
from p2p.development.host import Host
from p2p.development.server import ServerOptions, running_server

COMFYUI = os.environ.get("P2P_COMFYUI")
FRONT_END = os.environ.get("P2P_FRONTEND")  # the folder "static" of another release of the front end
WINDOW = {"width": 1600, "height": 900}
PATIENCE = 60_000  # milliseconds for anything a page is asked

if COMFYUI:
    from p2p.tests.browser import ui
    from p2p.tests.browser.complaints import Complaints
    from p2p.tests.browser.host import BrowserHost, make_model_files
    from p2p.tests.browser.twins import TwinLatents
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="package")
def browser():
    """A browser without a window. Its scope is this folder: other tests need their own event loops."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = browsers.launch(playwright)
        if launched is None:
            (pytest.fail if os.environ.get(browsers.REQUIRED) else pytest.skip)(browsers.NONE_FOUND)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def host(browser, tmp_path_factory):
    """A server of its own, and files of the models that the templates name."""
    folder = tmp_path_factory.mktemp("server")
    make_model_files(folder)
    options = ServerOptions(folder, cpu=True, front_end=Path(FRONT_END) if FRONT_END else None)
    with running_server(Host(Path(COMFYUI), Path(sys.executable)), options) as server:
        yield BrowserHost(server.url, folder)


@pytest.fixture(scope="package")
def twin_latents(host):
    return TwinLatents(host)


@pytest.fixture(params=("classic", "vue"))
def renderer(request):
    return request.param


class Pages:
    """The pages that tests share, one of each renderer. A page that a test left in disorder is not used again."""

    def __init__(self, browser, host):
        self._browser, self._host, self._kept = browser, host, {}

    def open(self, renderer):
        page = self._browser.new_page(viewport=WINDOW)
        page.set_default_timeout(PATIENCE)
        complaints = Complaints()
        complaints.listen(page)
        try:
            ui.open_app(page, self._host, renderer)
        except BaseException:
            page.close()
            raise
        return page, complaints

    def take(self, renderer):
        if renderer not in self._kept:
            return self.open(renderer)
        page, complaints = self._kept.pop(renderer)
        ui.clear(page)
        complaints.forget()
        return page, complaints

    def keep(self, renderer, page, complaints):
        self._kept[renderer] = (page, complaints)

    def close(self):
        for page, _ in self._kept.values():
            page.close()


@pytest.fixture(scope="package")
def _pages(browser, host):
    pages = Pages(browser, host)
    yield pages
    pages.close()


@pytest.fixture
def _opened(_pages, renderer, request):
    page, complaints = _pages.take(renderer)
    yield page, complaints
    unexpected = complaints.unexpected
    if unexpected or request.node.stash.get(FAILED, True):
        page.close()
    else:
        _pages.keep(renderer, page, complaints)
    assert not unexpected, "the page complained:\n" + "\n".join(unexpected)


@pytest.fixture
def page(_opened):
    """The open front end; the test fails if it complains about anything."""
    return _opened[0]


@pytest.fixture
def _freshly_opened(_pages, renderer):
    page, complaints = _pages.open(renderer)
    yield page, complaints
    unexpected = complaints.unexpected
    page.close()
    assert not unexpected, "the page complained:\n" + "\n".join(unexpected)


@pytest.fixture
def fresh_page(_freshly_opened):
    """As ``page``, but opened for this test."""
    return _freshly_opened[0]


@pytest.fixture
def complaints(request):
    """The complaints of the test's page."""
    return request.getfixturevalue("_freshly_opened" if "fresh_page" in request.fixturenames else "_opened")[1]


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
