"""How much the endurance tests do: little in every test run, much under ``dev.py test --soak``."""

import os

SOAK = os.environ.get("P2P_SOAK") == "1"


def count(long: int, short: int) -> int:
    """Return how often something is done: ``long`` in a soak, else ``short``."""
    return long if SOAK else short
