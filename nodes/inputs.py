"""Inputs of nodes of any kind: a part of a whole, and which attention grids count."""

from comfy_api.latest import io

GRIDS = ["coarse", "medium", "all"]


def fraction(name: str, default: float, tooltip: str) -> io.Float.Input:
    """A number from 0 to 1: of the picture, or of sampling, where 0 is pure noise."""
    return io.Float.Input(name, default=default, min=0.0, max=1.0, step=0.01, round=0.001, tooltip=tooltip)
