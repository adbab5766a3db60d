"""What the nodes have in common that record something of a run: which part of it, and the model that does so."""

from comfy_api.latest import io

from ..p2p_core.errors import P2PError
from ..p2p_core.windows import Window
from .inputs import fraction


def window_inputs(end_tooltip: str) -> list[io.Float.Input]:
    return [
        fraction("start", 0.0, "When recording starts: 0 is pure noise, 1 the finished picture."),
        fraction("end", 1.0, end_tooltip),
    ]


def recorder_output() -> io.Model.Output:
    return io.Model.Output(display_name="model", tooltip="The model that records; connect it to the sampler.")


def recorded_window(start: float | None, end: float | None) -> Window | None:
    """The part of sampling that is recorded; None where one of the two is not known yet.

    Raises:
        P2PError: it is empty.
    """
    if start is None or end is None:
        return None
    if start >= end:
        raise P2PError(f"start ({start}) is not before end ({end}), so nothing would be recorded: give a later end.")
    return Window(start, end)
