"""What a soak saw, kept where ``dev.py`` leaves its results."""

import json

from p2p.development import paths
from p2p.tests.endurance.counts import SOAK


def note(test: str, **figures: object) -> None:
    """Keep the figures of a test of a soak; a short test has none worth keeping."""
    if SOAK:
        folder = paths.RESULTS / "soak"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "faults.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"test": test, **figures}) + "\n")


def memory(looks: list[dict]) -> dict[str, object]:
    """First, last and largest of what a server was seen to hold, in MiB, and its numbers of tensors."""
    resident = [round(look["resident"] / 2**20, 2) for look in looks]
    return {
        "first": resident[0],
        "last": resident[-1],
        "largest": max(resident),
        "tensors": sorted({look["tensors"] for look in looks}),
    }
