"""What a page complains about: errors and warnings of its console, exceptions, and requests that fail."""

import re
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Page, Request, Response

# What the front end says by itself on an empty canvas, without this pack:
HOSTS_OWN = (
    # files that a user may have and a new user has not; the console repeats each without its address in the text
    r"404 .*/user\.css$",
    r"404 .*/favicon\.ico$",
    r"404 .*/api/userdata[/?]",
    # the node registry is asked about the host's own version; a server started with --disable-api-nodes forbids it
    r"https://api\.comfy\.org/",
    # the environment leaves out the package of the host's own templates
    r"404 .*/templates/index(_logo)?\.json$",
    r"Error loading core workflow templates",
    # front end 1.32.9: a listener of stored settings runs before there is a canvas
    r"Cannot read properties of undefined \(reading 'id'\)[\s\S]*at onChange",
    # front end 1.58.1 (P2P_FRONTEND) on a server older than it is made for: it asks for lists of jobs that came later,
    # speaks of its own old menus, looks at models of the host's own blueprints, and reads links in its old way itself
    # whenever it opens a workflow (ComfyNode.configure)
    r"/api/jobs\?",
    r"\[Jobs API\] Error fetching jobs",
    r"JobsApiError: Failed to fetch jobs: 404",
    r"The legacy queue/history menu is deprecated",
    r"\[MaskEditor\] ComfyApp\.open_maskeditor is deprecated",
    r"Invalid layout total size: \d+%\. Layout normalization will be applied\.",
    r"https://huggingface\.co/Comfy-Org/",
    r"input\.link is deprecated",
)


@dataclass
class Complaints:
    """The complaints of one page since the last ``forget``. ``expected`` holds patterns of those a test provokes."""

    found: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Hear everything the page says from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._add(f"exception: {error.stack or error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def expect(self, pattern: str) -> None:
        """Let the test provoke complaints with this pattern."""
        self.expected.append(pattern)

    def forget(self) -> None:
        self.found.clear()
        self.expected.clear()

    @property
    def unexpected(self) -> list[str]:
        return [text for text in self.found if not any(re.search(pattern, text) for pattern in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self._add(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _failed(self, request: Request) -> None:
        # An answer of 400 and more is heard below, and a page that is left behind ends its own requests.
        if request.failure != "net::ERR_ABORTED":
            self._add(f"request failed: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._add(f"answer {response.status} {response.url}")

    def _add(self, text: str) -> None:
        if not any(re.search(pattern, text) for pattern in HOSTS_OWN):
            self.found.append(text)
