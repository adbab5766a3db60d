"""Numbers and lists in sentences for people."""

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """``1 prompt``, ``2 prompts``: of nouns whose plural ends in s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
