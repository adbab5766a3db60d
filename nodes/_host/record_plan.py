"""What of a run is kept in a record."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...p2p_core.placement import Grid
from ...p2p_core.source_record import Kind, RecordRequest


@dataclass(frozen=True)
class RecordPlan:
    """What is kept of which step and layer.

    Attributes:
        progress: at the start of every step.
        tokens: per prompt, how many it has.
    """

    request: RecordRequest
    progress: tuple[float, ...]
    tokens: tuple[int, ...]

    def keeps(self, kind: Kind, step: int, sets: Sequence[str], grid: Grid) -> bool:
        """Whether something of a layer is kept, which belongs to these sets of grids."""
        request = self.request
        if not request.window.contains(self.progress[min(step, len(self.progress) - 1)]):
            return False
        if kind == "self":
            return request.keep == "queries" and request.self_attention in sets
        return (request.keep == "words") == (kind == "words") and request.grids in sets
