"""Changing the edits of a controller, or making one of a prompt alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace as with_changes

from comfy_api.latest import io

from ..p2p_core.edit import Controller, Edit, replace
from ..p2p_core.errors import P2PError
from ..p2p_core.presence import refuse_missing, stands_in
from ..p2p_core.windows import Window
from ._host.conditioning import EditedConditioning
from .pairing import edited_conditioning
from .types import ControllerType


def chained_inputs() -> list:
    """A controller or a prompt alone, as the last inputs of a node."""
    return [
        ControllerType.Input(
            "controller", optional=True, tooltip="The edit to add to: every target of it gets what is set here."
        ),
        io.Conditioning.Input(
            "conditioning",
            optional=True,
            tooltip="In place of a controller: one prompt from P2P Text Encode. The edit then compares the prompt with "
            "itself, and the picture without the edit comes first.",
        ),
    ]


def start_of_chain(
    node: str,
    controller: EditedConditioning | None,
    conditioning: list | None,
    cross: Window,
    self_window: Window | None,
) -> EditedConditioning:
    """The controller to add to; of a prompt alone one that compares it with itself in these windows.

    Raises:
        P2PError: both inputs are connected, or none.
    """
    if (controller is None) == (conditioning is None):
        raise P2PError(
            f"{node} needs either a controller or a conditioning: "
            + ("connect one of the two." if controller is None else "disconnect one of the two.")
        )
    if controller is not None:
        return controller
    return edited_conditioning(
        conditioning, conditioning, lambda source, target: replace(source, target, cross, self_window)
    )


def with_each_phrase(
    controller: EditedConditioning, phrases: Sequence[str], change: Callable[[Edit, int], Edit]
) -> EditedConditioning:
    """The controller with ``change(edit, number of the phrase)`` made for every phrase on every target that has it.

    Raises:
        P2PError: a target in which a phrase does not stand.
    """
    refuse_missing_in_targets(controller, phrases)

    def changed(edit: Edit) -> Edit:
        for number, phrase in enumerate(phrases):
            if stands_in(edit.target, phrase):
                edit = change(edit, number)
        return edit

    return with_each_edit(controller, lambda edit, _: changed(edit))


def refuse_missing_in_targets(controller: EditedConditioning, phrases: Sequence[str]) -> None:
    """A phrase must stand in every target; of a combined conditioning, in one part of it at least."""
    for target in range(controller.rows - 1):
        refuse_missing(phrases, [entry.controller.edits[target].target for entry in controller.entries])


def with_each_edit(controller: EditedConditioning, change: Callable[[Edit, int], Edit]) -> EditedConditioning:
    """The controller with ``change(edit, number of the target)`` in place of every edit."""
    entries = tuple(
        with_changes(
            entry,
            controller=Controller(
                entry.controller.source,
                tuple(change(edit, target) for target, edit in enumerate(entry.controller.edits)),
            ),
        )
        for entry in controller.entries
    )
    return with_changes(controller, entries=entries)
