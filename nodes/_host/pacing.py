"""Spending no more than a share of a run's time on showing it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHARE = 0.01
_FIRST_GUESS = 0.005  # seconds: several times what showing the maps costs, so that a short run is not slowed either


class Pace:
    """Counts what showing cost so far, and says whether the next time still fits.

    It fits when what was spent and what the last time cost are together within the share of the time since the run
    began. So whatever a machine takes for it, the share holds: where showing is dear it comes seldom. A time that costs
    more than was expected is paid back by waiting.
    """

    def __init__(self, share: float = SHARE, clock: Callable[[], float] = time.perf_counter) -> None:
        self._share, self._clock = share, clock
        self._begin = clock()
        self._expected, self._spent = _FIRST_GUESS, 0.0

    @property
    def spent(self) -> float:
        """Seconds."""
        return self._spent

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._begin

    def allows(self) -> bool:
        return self._spent + self._expected <= self._share * self.elapsed

    def expect(self, seconds: float) -> None:
        """What the next time will cost."""
        self._expected = seconds

    @contextmanager
    def counted(self) -> Iterator[None]:
        """What happens inside is part of the cost."""
        begin = self._clock()
        try:
            yield
        finally:
            self.spend(self._clock() - begin)

    def spend(self, seconds: float) -> None:
        self._spent += seconds
