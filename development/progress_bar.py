"""A bar per sampling run: redrawn on a terminal, a single line elsewhere."""

import sys

WIDTH = 24
LABEL_WIDTH = 44


class ProgressBar:
    """The state of one bar."""

    def __init__(self, label: str) -> None:
        self._label = label.ljust(LABEL_WIDTH)[:LABEL_WIDTH]
        self._redraws = sys.stdout.isatty()
        self.update(0, 1)

    def update(self, done: int, total: int) -> None:
        """Draw how much is done."""
        if self._redraws:
            filled = WIDTH * done // max(total, 1)
            print(f"\r  {self._label} [{'#' * filled:<{WIDTH}}] {done}/{total} ", end="", flush=True)

    def finish(self, remark: str) -> None:
        """Leave the finished bar, or the only line, with a remark."""
        bar = f" [{'#' * WIDTH}]" if self._redraws else ""
        start, clear = ("\r", "\x1b[K") if self._redraws else ("", "")
        print(f"{start}  {self._label}{bar} {remark}{clear}", flush=True)

    def abandon(self) -> None:
        """Leave the bar as it is: the run has failed."""
        if self._redraws:
            print(flush=True)
