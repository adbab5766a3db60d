"""Source and targets as one conditioning, so that their rows travel through the model together."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from ...p2p_core.edit import Controller
from ...p2p_core.errors import P2PError
from ...p2p_core.key_words import with_key_words
from ...p2p_core.source_record import SourceRecord
from .guarding import guarded
from .replaying import RecordedSource
from .text import PROMPT_KEY, recorded_entries

GROUP_KEY = "p2p_group"  # in a conditioning entry's dictionary: the Group whose rows it holds

ControlNetPrompt = Literal["target", "source"]

_NAMES = {
    "control": "a ControlNet",
    "area": "an area",
    "mask": "a mask",
    "start_percent": "a timestep range",
    "end_percent": "a timestep range",
    "strength": "a strength",
    "hooks": "hooks",
}


@dataclass(frozen=True, eq=False)
class Group:
    """Marks a conditioning entry whose rows are ``[source, target 1 … target n]`` of a controller.

    Attributes:
        node: the id of the P2P Apply that made it, to show there what is edited; None where nobody can see it.
        recorded: the source where it was recorded before; the rows are ``[target 1 … target n]`` then.
        asked: the controller as the user made it, where a record of key words leaves a part of it only.
    """

    controller: Controller
    node: str | None = None
    recorded: RecordedSource | None = None
    asked: Controller | None = None

    @property
    def rows(self) -> int:
        return len(self.controller.edits) + (self.recorded is None)


@dataclass(frozen=True, eq=False)
class EntryEdits:
    """One conditioning entry of the source, those of the targets that go with it, and how they differ."""

    source: list
    targets: tuple[list, ...]
    controller: Controller


@dataclass(frozen=True, eq=False)
class EditedConditioning:
    """P2P_CONTROLLER: the edits with the conditioning they belong to.

    ``unedited`` are entries of the source that no prompt was stamped on: they apply to every row alike.
    """

    entries: tuple[EntryEdits, ...]
    unedited: tuple[list, ...] = ()

    @property
    def rows(self) -> int:
        return 1 + len(self.entries[0].targets)


def combined_entries(
    first: EditedConditioning, second: EditedConditioning, combine: Callable[[Controller, Controller], Controller]
) -> EditedConditioning:
    """The targets of both, entry by entry.

    Raises:
        P2PError: the two have different sources.
    """
    sources = ([*(entry.source for entry in edited.entries), *edited.unedited] for edited in (first, second))
    alike = len(first.entries) == len(second.entries) and _same_entries(*sources)
    entries = tuple(
        EntryEdits(a.source, (*a.targets, *b.targets), combine(a.controller, b.controller))
        for a, b in zip(first.entries, second.entries, strict=False)
    )
    if not alike:
        raise P2PError(
            "The source conditionings of the two controllers differ (another CLIP, CLIP skip, number of prompts, or "
            "something set on one of them only): connect the same source to both."
        )
    return EditedConditioning(entries, first.unedited)


def merged(
    conditioning: EditedConditioning,
    controlnet_prompt: ControlNetPrompt = "target",
    node: str | None = None,
    record: SourceRecord | None = None,
) -> list:
    """CONDITIONING with one row per prompt, everything else set on the source or a target kept.

    Args:
        controlnet_prompt: "target" lets a ControlNet read the prompt of each row, "source" the source's for all rows.
        node: see ``Group``.
        record: of the source, which then has no row.

    Raises:
        P2PError: the parts cannot be sampled together, or the record is of another prompt.
    """
    numbers = [] if record is None else recorded_entries(record, [entry.source for entry in conditioning.entries])
    entries = [
        _merged_entry(entry, controlnet_prompt, node, None if record is None else (record, numbers[place]))
        for place, entry in enumerate(conditioning.entries)
    ]
    return [*entries, *conditioning.unedited]


def _merged_entry(
    entry: EntryEdits, controlnet_prompt: ControlNetPrompt, node: str | None, recorded: tuple[SourceRecord, int] | None
) -> list:
    parts = [entry.source, *entry.targets]
    _refuse_different_encoders(parts)
    extras: dict = {}
    for part in parts:
        _add_extras(extras, part[1])
    first = 0 if recorded is None else 1  # of the parts that have rows
    pooled = [part[1].get("pooled_output") for part in parts]
    if any(torch.is_tensor(vector) for vector in pooled):
        _refuse_different_pooled(pooled)
        extras["pooled_output"] = torch.cat(pooled[first:])
    texts = torch.cat(_of_one_length([part[0] for part in parts]))
    source = None if recorded is None else RecordedSource(*recorded, texts[:1])
    controller = entry.controller
    if source is not None and source.kind == "maps":
        controller = with_key_words(controller, source.record.positions(source.entry))
    extras[GROUP_KEY] = Group(controller, node, source, None if controller is entry.controller else entry.controller)
    text = texts[first:]
    if controlnet_prompt == "source":
        extras["cross_attn_controlnet"] = texts[:1].expand_as(text)
    return [text, guarded(extras)]


def _refuse_different_encoders(parts: Sequence[list]) -> None:
    widths = {part[0].shape[-1] for part in parts}
    if len(widths) > 1:
        raise P2PError(
            f"Source and target were encoded by different text encoders ({', '.join(map(str, sorted(widths)))} "
            "channels): connect the same CLIP to both P2P Text Encode nodes."
        )


def _refuse_different_pooled(pooled: Sequence[torch.Tensor | None]) -> None:
    if len({tuple(vector.shape) if torch.is_tensor(vector) else None for vector in pooled}) > 1:
        raise P2PError(
            "Source and target do not both have a pooled output of one size: a node after one of the text encoders "
            "took it away, or they are of different models. Encode both in the same way."
        )


def _of_one_length(conds: list[torch.Tensor]) -> list[torch.Tensor]:
    """(1, tokens, channels) each, repeated to a common length: repeated keys leave attention as it is."""
    length = math.lcm(*(cond.shape[1] for cond in conds))
    return [cond.repeat(1, length // cond.shape[1], 1) for cond in conds]


def _add_extras(extras: dict, added: dict) -> None:
    for key, value in added.items():
        if key in (PROMPT_KEY, "pooled_output"):
            continue
        if key in extras and not _same(extras[key], value):
            raise P2PError(
                f"Source and target conditioning have {_NAMES.get(key, repr(key))} that differ. Their rows are "
                "sampled together and can have one only: set it on one of them, or after P2P Apply on its positive."
            )
        extras[key] = value


def _same_entries(first: list, second: list) -> bool:
    """Whether two conditionings say the same, whatever nodes made them."""
    return len(first) == len(second) and all(
        _same(a, b)
        and _without_prompt(more).keys() == _without_prompt(other).keys()
        and all(_same(value, other[key]) for key, value in _without_prompt(more).items())
        for (a, more), (b, other) in zip(first, second, strict=True)
    )


def _without_prompt(extras: dict) -> dict:
    return {key: value for key, value in extras.items() if key != PROMPT_KEY}


def _same(first, second) -> bool:
    if first is second:
        return True
    if torch.is_tensor(first) and torch.is_tensor(second):
        return first.shape == second.shape and bool(torch.equal(first, second))
    if hasattr(first, "control_model") and hasattr(second, "control_model"):
        return _same_control(first, second)
    return type(first) is type(second) and not torch.is_tensor(first) and bool(first == second)


def _same_control(first, second) -> bool:
    """Two copies of one ControlNet with the same hint, strength and range, as two apply nodes make them."""
    settings = ("strength", "timestep_percent_range", "strength_type", "global_average_pooling")
    return (
        first.control_model is second.control_model
        and all(getattr(first, name, None) == getattr(second, name, None) for name in settings)
        and _same(first.cond_hint_original, second.cond_hint_original)
        and _same(first.previous_controlnet, second.previous_controlnet)
    )
