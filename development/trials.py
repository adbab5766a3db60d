"""The plan of the demo: every edit beside what people do instead, from the same noise.

A trial is one edit; an arm is one way to make it. The arms *plain* (the new prompt, same seed) and *switching* (the new
prompt from 0.3 on) use stock nodes only.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from . import edits, graphs
from .aims import Aim, Coloured, Moved, aim_of, place_of
from .edits import Edit, Scene, Shift, file_name
from .graphs import Batch, Graph, Settings

MakeGraph = Callable[[Batch, Settings], Graph]
TITLES = {
    "plain": "same seed",
    "switching": "switched at 0.3",
    "p2p": "Prompt-to-Prompt",
    "blend": "with local blend",
    "together": "both in one run",
    "ideal": "ideal cell mask",
}


@dataclass(frozen=True)
class Take:
    """Where pictures come from: ``place`` of each group of ``group`` pictures of a run."""

    graph: MakeGraph
    group: int = 1
    place: int = 0

    @property
    def first(self) -> "Take":
        """The first pictures of the groups: the source's."""
        return replace(self, place=0)


@dataclass(frozen=True)
class Arm:
    """One way to make an edit.

    Attributes:
        key: of ``TITLES``; part of file names.
        take: its pictures.
        timed: the runs that are needed for the source's and the edited pictures; one that is named twice counts once.
        prompt: of the edited pictures.
    """

    key: str
    take: Take
    timed: tuple[MakeGraph, ...]
    prompt: str


@dataclass(frozen=True)
class Trial:
    """One edit.

    Attributes:
        kinds: the sections of the report it belongs to.
        name: fit for file names.
        source: the prompt that is edited.
        attribute: what changes, in a word; where it is the background, its likeness is not measured.
        aim: what the judge looks for.
        strip: name of the sheet that shows it beside others of its kind, and where it stands there; None for none.
        value: the number that was set, for a curve; None for none.
    """

    kinds: tuple[str, ...]
    name: str
    source: str
    target: str
    attribute: str
    aim: Aim
    arms: tuple[Arm, ...]
    strip: str | None = None
    value: float | None = None

    @property
    def original(self) -> Take:
        """The pictures of the source prompt, from stock nodes."""
        return Take(partial(graphs.plain_graph, self.source))


def all_trials(full: bool) -> list[Trial]:
    """Return every trial; those of one source prompt follow each other, so that its runs are used again."""
    swaps = edits.EDITS + (edits.MORE_EDITS if full else ())
    additions = edits.ADDITIONS + (edits.MORE_ADDITIONS if full else ())
    faded = edits.FADED + (edits.MORE_FADED if full else ())
    moved = edits.MOVED + (edits.MORE_MOVED if full else ())
    pairs = edits.PAIRS + (edits.MORE_PAIRS if full else ())
    made = [
        *map(swap, swaps),
        *map(addition, additions),
        *(fading(scene, scale) for scene in faded for scale in edits.SCALES),
        *(moving(scene, shift) for scene in moved for shift in edits.SHIFTS),
        *(trial for pair in pairs for trial in together(pair)),
    ]
    return by_source(made)


def by_source(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials with those of one source prompt together, otherwise in their order."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(trial.source, []).append(trial)
    return [trial for group in groups.values() for trial in group]


def swap(edit: Edit) -> Trial:
    """Return a word swap; where the background stays, local blend too."""
    source, target = edit.source.prompt, edit.target.prompt
    arms, kinds = swap_arms(edit), ("replace",)
    if edit.attribute != "background":
        arms += (_paired("blend", partial(graphs.blend_graph, source, target), target),)
        kinds += ("blend",)
    return Trial(kinds, edit.name, source, target, edit.attribute, aim_of(edit), arms)


def swap_arms(edit: Edit) -> tuple[Arm, ...]:
    """Return a word swap by stock nodes and by Prompt-to-Prompt."""
    source, target = edit.source.prompt, edit.target.prompt
    pair = partial(graphs.word_swap_graph, source, target)
    return (*stock_arms(source, target), _paired("p2p", pair, target))


def addition(edit: Edit) -> Trial:
    """Return words added to a prompt."""
    source, target = edit.source.prompt, edit.target.prompt
    arms = (*stock_arms(source, target), _paired("p2p", partial(graphs.refine_graph, source, target), target))
    return Trial(("refine",), edit.name, source, target, edit.attribute, aim_of(edit), arms)


def fading(scene: Scene, scale: float) -> Trial:
    """Return a colour word turned up or down; people write a weight on it instead."""
    source, weighted = scene.prompt, scene.with_weight(scale)
    made = _paired("p2p", partial(graphs.fader_graph, source, scene.colour, scale), f"{scene.colour}: {scale:g}")
    subject = file_name(scene.phrase)
    return Trial(
        kinds=("reweight",),
        name=f"{subject}_at_{'minus_' if scale < 0 else ''}{abs(scale):g}",
        source=source,
        target=f"{scene.colour}: {scale:g}",
        attribute="colour",
        aim=Coloured(place_of("colour", scene.colour)),
        arms=(*stock_arms(source, weighted), made),
        strip=f"fader_{subject}",
        value=scale,
    )


def moving(scene: Scene, shift: Shift) -> Trial:
    """Return an object moved; people say where it is instead."""
    source, told = scene.prompt, f"{scene.prompt}, {shift.words}"
    asked = f"{scene.phrase} {shift.offset[0]:+g}, {shift.offset[1]:+g}"
    made = _paired("p2p", partial(graphs.move_graph, source, scene.phrase, shift.offset), asked)
    subject = file_name(scene.phrase)
    return Trial(
        kinds=("move",),
        name=f"{subject}_{shift.name}",
        source=source,
        target=asked,
        attribute="place",
        aim=Moved(place_of("object", scene.object), shift.offset),
        arms=(*stock_arms(source, told), made),
        strip=f"move_{subject}",
    )


def together(pair: Sequence[Edit]) -> list[Trial]:
    """Return two word swaps of one source, each by itself and both in one run; times are of all three pictures."""
    source, targets = pair[0].source.prompt, [edit.target.prompt for edit in pair]
    three = partial(graphs.two_targets_graph, source, *targets)
    alone = [swap_arms(edit) for edit in pair]
    timed = [first.timed + second.timed for first, second in zip(*alone, strict=True)]
    result = []
    for place, edit in enumerate(pair):
        arms = [replace(arm, timed=runs) for arm, runs in zip(alone[place], timed, strict=True)]
        arms.append(Arm("together", Take(three, 3, 1 + place), (three,), targets[place]))
        name = f"{edit.name}_of_two"
        trial = Trial(("together",), name, source, targets[place], edit.attribute, aim_of(edit), tuple(arms))
        result.append(trial)
    return result


def stock_arms(source: str, target: str) -> tuple[Arm, Arm]:
    """Return what people do instead: the new prompt with the same seed, and a change of prompts while sampling."""
    first = partial(graphs.plain_graph, source)
    plain = partial(graphs.plain_graph, target)
    switching = partial(graphs.switching_graph, source, target)
    return (
        Arm("plain", Take(plain), (first, plain), target),
        Arm("switching", Take(switching), (first, switching), target),
    )


def _paired(key: str, graph: MakeGraph, prompt: str) -> Arm:
    return Arm(key, Take(graph, 2, 1), (graph,), prompt)
