"""Which entries of the source's conditioning go with which of the target's."""

from collections.abc import Callable

from ..p2p_core.edit import Controller, Edit
from ..p2p_core.errors import P2PError
from ..p2p_core.prompt import Prompt
from ..p2p_core.wording import counted
from ._host.conditioning import EditedConditioning, EntryEdits
from ._host.text import prompt_of, told_apart

EditOf = Callable[[Prompt, Prompt], Edit]


def edited_conditioning(source: list, target: list, edit_of: EditOf) -> EditedConditioning:
    """Pairs the prompts of source and target in their order and makes the edit of every pair.

    Raises:
        P2PError: a conditioning without words, or a different number of prompts on the two sides.
    """
    sources, unedited = _with_prompts(source, "source")
    targets, extra = _with_prompts(target, "target")
    if len(sources) != len(targets):
        raise P2PError(
            f"The source conditioning has {counted(len(sources), 'prompt')} and the target {len(targets)}: combine the "
            "same number of P2P Text Encode prompts on both sides, in the same order."
        )
    if any(all(entry[0] is not other[0] for other in unedited) for entry in extra):
        raise P2PError(
            "The target conditioning has an extra part that the source does not have and that is no P2P Text Encode "
            "prompt: add it to the source too, or to the positive output of P2P Apply."
        )
    entries = tuple(
        EntryEdits(first, (second,), Controller(a, (edit_of(a, told_apart(first, a, second, b)),)))
        for (first, a), (second, b) in zip(sources, targets, strict=True)
    )
    return EditedConditioning(entries, tuple(unedited))


def _with_prompts(conditioning: list, side: str) -> tuple[list, list]:
    read = [(entry, prompt_of(entry)) for entry in conditioning]
    stamped = [(entry, prompt) for entry, prompt in read if prompt is not None]
    if not stamped:
        raise P2PError(
            f"The {side} conditioning does not know its words: encode the prompt with P2P Text Encode and connect "
            f"that to {side}, or pass the conditioning of another encoder through P2P Tag Prompt."
        )
    return stamped, [entry for entry, prompt in read if prompt is None]
