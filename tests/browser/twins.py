"""The runnable templates with few steps, and the latents that their twins for the API give."""

from pathlib import Path

import torch
from p2p.tests.browser import ui
from p2p.tests.browser.host import BrowserHost, with_inputs, with_saved_latents
from p2p.tests.template_files import FOLDER, TEMPLATES, read_json
from playwright.sync_api import Page

SMALL = {"KSampler": {"steps": 4}, "EmptyLatentImage": {"batch_size": 1}}
RUNNABLE = [path for path in TEMPLATES if "P2PMiniSDXL" in path.read_text(encoding="utf-8")]


def twin(path: Path) -> dict:
    """Return the graph for the API that a template shows."""
    return read_json(FOLDER / "api" / f"{path.stem.removesuffix('_mini')}.json")


class TwinLatents:
    """What the twins give with few steps, each run once."""

    def __init__(self, host: BrowserHost) -> None:
        self._host, self._known = host, {}

    def of(self, path: Path) -> list[torch.Tensor]:
        if path not in self._known:
            outputs = self._host.run(with_saved_latents(with_inputs(twin(path), **SMALL)))
            self._known[path] = self._host.latents(outputs)
        return self._known[path]


def run_small(page: Page, host: BrowserHost, path: Path) -> list[torch.Tensor]:
    """Open a template, set few steps, run the canvas from nothing and return the latents."""
    ui.load(page, read_json(path))
    for kind, values in SMALL.items():
        for name, value in values.items():
            ui.set_widget(page, kind, name, value)
    ui.save_latents(page)
    host.forget()
    return host.latents(ui.run(page, host))


def same(made: list[torch.Tensor], expected: list[torch.Tensor]) -> bool:
    """Tell whether there are latents, and the same ones."""
    return len(made) == len(expected) > 0 and all(one.equal(other) for one, other in zip(made, expected, strict=True))
