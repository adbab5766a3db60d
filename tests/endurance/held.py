"""What a server of these tests held at rest, time after time, in numbers that noise does not move."""

from collections.abc import Mapping

from .growth import Growth, growth

BLOCK = 64  # bytes of one of Python's objects, in the mean

Held = Mapping[int, dict]  # by the number of graphs that were made before


def without_loads(held: Held, kept: float) -> None:
    """Adds to every state the bytes that are asked for and not given back, but for what safetensors keeps of a tensor.

    Args:
        kept: objects that reading a tensor leaves behind.
    """
    for state in held.values():
        of_loads = kept * state["tensors_read"]
        state["in_use"] = state["heap"] + (state["python_blocks"] - of_loads) * BLOCK


def growth_of(held: Held, after: int) -> Growth:
    """KiB that a graph leaves in use, of the graphs after the first ones."""
    assert min(state["heap"] for state in held.values()) > 0
    return growth(*zip(*judged(held, "in_use", after), strict=True))


def judged(held: Held, what: str, after: int) -> list[tuple[int, float]]:
    """(graphs, KiB) of the measurements that count."""
    return [(graphs, state[what] / 1024) for graphs, state in held.items() if graphs > after]
