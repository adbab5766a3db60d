"""When an edit acts: windows on the progress of sampling.

Progress is 0 at the first step and i/N at the i-th of N uniform steps. A step is edited when the progress at its start
lies inside the window, so that a window means the same at 4 steps and at 50. (Hertz et al. 2022, section 4, count steps
instead: ``paper_window`` translates.)
"""

import math
from dataclasses import dataclass

from .errors import P2PError

_DIGITS = 5  # that progress has, which comes from noise levels: a window to 1/3 must end at the step that starts there


@dataclass(frozen=True)
class Window:
    """The half-open interval ``[start, end)`` of progress; one that ends at 1 includes 1.

    Raises:
        P2PError: a bound that is no number in 0–1, or a start after the end.
    """

    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        for bound in (self.start, self.end):
            if isinstance(bound, bool) or not isinstance(bound, (int, float)) or not 0 <= bound <= 1:
                raise P2PError(f"A window goes from 0 (first step) to 1 (last step), {bound!r} is outside: use 0 to 1.")
        if self.start > self.end:
            raise P2PError(f"The window {self.start}-{self.end} starts after its end: swap the two.")

    @property
    def is_empty(self) -> bool:
        return self.start == self.end

    def contains(self, progress: float) -> bool:
        """Whether a step that starts at this progress is edited."""
        start, end, progress = (round(value, _DIGITS) for value in (self.start, self.end, progress))
        return start <= progress < end or (progress >= 1 and self.end == 1 and not self.is_empty)


def paper_window(bounds: float | tuple[float, float], steps: int) -> Window:
    """The window of progress that edits exactly the steps which ``cross_replace_steps`` edits in the published code.

    There (``get_time_words_attention_alpha``) the edited steps are ``int(b0·(steps+1)) ≤ step < int(b1·(steps+1))``.

    Args:
        bounds: a number b1, which means (0, b1), or (b0, b1).
        steps: the number of sampling steps the fractions were meant for.
    """
    return _window_of_steps(bounds, steps, steps + 1)


def paper_self_window(bounds: float | tuple[float, float], steps: int) -> Window:
    """The same for ``self_replace_steps``, which the published code rounds as ``int(b·steps)``."""
    return _window_of_steps(bounds, steps, steps)


def _window_of_steps(bounds: float | tuple[float, float], steps: int, scale: int) -> Window:
    start, end = (0.0, bounds) if isinstance(bounds, (int, float)) else bounds
    first, last = math.floor(Window(start, end).start * scale), math.floor(end * scale)
    # Half a step early: progress that was computed from noise levels may miss first/steps by a rounding error.
    return Window(*(min(max((step - 0.5) / steps, 0.0), 1.0) for step in (first, last)))
