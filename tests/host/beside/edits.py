"""The edits that every neighbour is tried with."""

from collections.abc import Callable
from dataclasses import dataclass, field

from p2p.nodes.replace import P2PReplaceController

from ..graph import SOURCE, TARGET, outputs, text

Changed = Callable[[list], list]  # a conditioning as another node hands it on


@dataclass(frozen=True)
class NamedEdit:
    """One kind of edit: its prompts, and the controller made from their conditionings."""

    name: str
    prompts: tuple[str, ...] = (SOURCE, TARGET)
    settings: dict = field(default_factory=dict)
    node: type = P2PReplaceController

    def conditionings(self, clip) -> list[list]:
        return [text(clip, prompt) for prompt in self.prompts]

    def controller(self, clip, on_source: Changed = list, on_target: Changed = list):
        source, *targets = self.conditionings(clip)
        defaults = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": ""}
        settings = {**defaults, **self.settings}
        (target,) = targets
        return outputs(self.node, source=on_source(source), target=on_target(target), **settings)[0]


ONE_TERM = NamedEdit("replace")
TWO_TERMS = NamedEdit("replace with a word's window", settings={"word_windows": "dog: 0.2-0.5"})
EDITS = (ONE_TERM, TWO_TERMS)
EDIT_NAMES = [edit.name for edit in EDITS]
