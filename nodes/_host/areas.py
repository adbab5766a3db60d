"""Which part of the picture a conditioning entry is computed for."""

from collections.abc import Mapping

from ...p2p_core.placement import Grid


def is_part_of_picture(entry: Mapping, latent: Grid) -> bool:
    """Whether the entry has an area that leaves some of the latent (height, width) out.

    The bounds of a mask are none yet: the host finds them when sampling starts.
    """
    if "area" not in entry:
        return False
    sides = _sides(entry["area"], latent)
    return any(side < whole for side, whole in zip(sides, latent, strict=True))


def _sides(area: tuple, latent: Grid) -> Grid:
    """(height, width) of an area as the host has it: (sides …, offsets …), in latent places or after "percentage"."""
    if area[0] != "percentage":
        return area[0], area[1]
    return round(area[1] * latent[0]), round(area[2] * latent[1])
