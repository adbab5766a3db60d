"""Where a word is put: the inputs that say so."""

from comfy_api.latest import io


def placement_inputs(scale_tooltip: str) -> list[io.Float.Input]:
    """The inputs that ``Placement`` is made of, in their order."""
    return [
        _offset("offset_x", 0.25, "right", "width"),
        _offset("offset_y", 0.0, "down", "height"),
        io.Float.Input("scale", default=1.0, min=0.25, max=4.0, step=0.05, round=0.001, tooltip=scale_tooltip),
    ]


def _offset(name: str, default: float, direction: str, length: str) -> io.Float.Input:
    return io.Float.Input(
        name,
        default=default,
        min=-1.0,
        max=1.0,
        step=0.01,
        round=0.001,
        tooltip=f"How far to move it {direction}, as a part of the picture's {length}; negative for the other way.",
    )
