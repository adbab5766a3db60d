"""What an attempt may cost: seconds of the processor, which a busy machine does not stretch, and memory at its peak."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def cheap(seconds: float, mebibytes: float) -> Iterator[None]:
    """What is done inside takes no more than this."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is counted from here
    before, begun = _peak(), time.process_time()
    yield
    took, grew = time.process_time() - begun, _peak() - before
    assert took < seconds, f"{took:.1f} s"
    assert grew < mebibytes, f"{grew:.0f} MiB"


def _peak() -> float:
    """The most memory that this process has had, in MiB; it is read from /proc, which only Linux has."""
    if sys.platform != "linux":
        return 0
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
