"""The edits that every neighbour is tried with."""

from collections.abc import Callable
from dataclasses import dataclass

from p2p.nodes.pairing import edited_conditioning
from p2p.p2p_core import edit as edits
from p2p.p2p_core.edit import Edit
from p2p.p2p_core.placement import Placement
from p2p.p2p_core.prompt import Prompt
from p2p.p2p_core.windows import Window

from ..graph import SOURCE, TARGET, text

Changed = Callable[[list], list]  # a conditioning as another node hands it on
CROSS, SELF = Window(0.0, 0.8), Window(0.0, 0.4)  # the defaults of the nodes


@dataclass(frozen=True)
class NamedEdit:
    """One kind of edit: its two prompts, what makes the edit of them, and whether any word inherits its attention."""

    name: str
    edit_of: Callable[[Prompt, Prompt], Edit]
    prompts: tuple[str, str] = (SOURCE, TARGET)
    inherits: bool = True

    def conditionings(self, clip) -> list[list]:
        return [text(clip, prompt) for prompt in self.prompts]

    def controller(self, clip, on_source: Changed = list, on_target: Changed = list):
        source, target = self.conditionings(clip)
        return edited_conditioning(on_source(source), on_target(target), self.edit_of)


def _replace(source: Prompt, target: Prompt) -> Edit:
    return edits.replace(source, target, CROSS, SELF)


def _replace_with_a_window(source: Prompt, target: Prompt) -> Edit:
    return edits.replace(source, target, CROSS, SELF, (("dog", Window(0.2, 0.5)),))


def _refine(source: Prompt, target: Prompt) -> Edit:
    return edits.refine(source, target, CROSS, SELF)


def _reweight(source: Prompt, target: Prompt) -> Edit:
    return edits.reweight(edits.reweight(_replace(source, target), "cat", 2.5), "grass", -0.5, Window(0.3, 1.0))


def _mutual(source: Prompt, target: Prompt) -> Edit:
    return edits.replace(source, target, Window(0.0, 0.0), Window(0.0, 1.0), (), "mutual", "all")


def _move(source: Prompt, target: Prompt) -> Edit:
    return edits.move(_replace(source, target), "cat", Placement(0.25, -0.1, 0.8), Window(0.0, 0.5))


ONE_TERM = NamedEdit("replace", _replace)
TWO_TERMS = NamedEdit("replace with a word's window", _replace_with_a_window)
EDITS = (
    ONE_TERM,
    TWO_TERMS,
    NamedEdit("refine", _refine, (SOURCE, "a photo of a fluffy cat on grass at night")),
    NamedEdit("reweight", _reweight, (SOURCE, SOURCE)),
    NamedEdit("mutual self-attention", _mutual, inherits=False),
    NamedEdit("move", _move, (SOURCE, SOURCE)),
)
EDIT_NAMES = [edit.name for edit in EDITS]
SIDES = [("on_source", edit) for edit in EDITS] + [("on_positive", edit) for edit in (ONE_TERM, TWO_TERMS)]
SIDE_NAMES = [f"{side}-{edit.name}" for side, edit in SIDES]
