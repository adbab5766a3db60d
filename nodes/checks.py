"""Whether a node was given what its schema asks for, said in one sentence before anything is done.

The host looks at the range of a number, or at a choice, only where it was typed and the node does not validate it
itself. What comes through a link it takes as it is.
"""

import functools
import math
import numbers
from collections.abc import Callable, Mapping, Sequence

import torch

from ..p2p_core.attention_store import AttentionStore
from ..p2p_core.errors import P2PError
from ..p2p_core.source_record import RecordHandle
from ..p2p_core.windows import Window
from ._host.conditioning import EditedConditioning


def checked(execute: Callable) -> Callable:
    """For ``execute``: refuses inputs that are not of the kind, in the range or among the choices of the schema."""

    @functools.wraps(execute)
    def checking(cls, **inputs):
        refuse_wrong(cls, inputs)
        return execute(cls, **inputs)

    return checking


def problem(node, typed: Mapping[str, object], check: Callable[[], object] = lambda: None) -> bool | str:
    """What ``validate_inputs`` returns: True, or the sentence about the first typed value that is wrong.

    Args:
        typed: values by the names of their inputs; None for those that come through a link, which nobody knows yet.
        check: raises a P2PError for what the schema does not say.
    """
    try:
        refuse_wrong(node, {name: value for name, value in typed.items() if value is not None})
        check()
    except P2PError as error:
        return str(error)
    return True


def refuse_wrong(node, inputs: Mapping[str, object]) -> None:
    """Refuses what the schema of a node does not allow.

    Raises:
        P2PError: it names the input and the node, and says what to give.
    """
    schema = node.define_schema()
    for wanted in schema.inputs:
        if wanted.id not in inputs or (inputs[wanted.id] is None and wanted.optional):
            continue
        should = _asked_for(wanted, inputs[wanted.id])
        if should is not None:
            got = _described(inputs[wanted.id])
            short_name = schema.display_name.partition(" (")[0]
            raise P2PError(f"The input {wanted.id} of {short_name} is {got}: {should}.")


def window(start_name: str, start: float | None, end_name: str, end: float | None) -> Window | None:
    """The window of two inputs; None where one of them is not known yet.

    Raises:
        P2PError: the start is after the end.
    """
    if start is None or end is None:
        return None
    if start > end:
        raise P2PError(f"{start_name} ({start}) is after {end_name} ({end}): swap the two.")
    return Window(start, end)


def _asked_for(wanted, value: object) -> str | None:
    """What to give in place of a value; None where it is right."""
    kind = str(wanted.get_io_type())
    if kind in ("FLOAT", "INT"):
        return _number(wanted, value, kind == "INT")
    if kind == "COMBO":
        return None if value in wanted.options else f"choose {', '.join(wanted.options)}"
    is_right, should = _OBJECTS.get(kind, (lambda _: True, ""))
    return None if is_right(value) else should


def _number(wanted, value: object, is_whole: bool) -> str | None:
    kind = numbers.Integral if is_whole else numbers.Real
    is_number = isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)
    if is_number and wanted.min <= value <= wanted.max:
        return None
    return f"give a {'whole ' if is_whole else ''}number from {wanted.min:g} to {wanted.max:g}"


def _described(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 80 else f"a text of {len(value)} characters"
    if value is None or isinstance(value, numbers.Number):
        return "nothing" if value is None else str(value)
    if torch.is_tensor(value):
        return f"a tensor of shape {tuple(value.shape)}"
    return "empty" if isinstance(value, list) and not value else f"of the kind {type(value).__name__}"


def _is_conditioning(value: object) -> bool:
    return isinstance(value, Sequence) and len(value) > 0 and all(map(_is_entry, value))


def _is_entry(entry: object) -> bool:
    return isinstance(entry, Sequence) and len(entry) == 2 and torch.is_tensor(entry[0]) and isinstance(entry[1], dict)


def _is_latent(value: object) -> bool:
    samples = value.get("samples") if isinstance(value, dict) else None
    return samples is not None and not (torch.is_tensor(samples) and samples.nelement() == 0)


def _is_mask(value: object) -> bool:
    """(height, width), (masks, height, width) or (masks, 1, height, width)."""
    if not torch.is_tensor(value) or not value.nelement() or not bool(value.isfinite().all()):
        return False
    return value.ndim in (2, 3) or (value.ndim == 4 and value.shape[1] == 1)


def _is_image(value: object) -> bool:
    return torch.is_tensor(value) and value.ndim == 4 and value.shape[-1] in (1, 3, 4)


_OBJECTS: dict[str, tuple[Callable[[object], bool], str]] = {
    "STRING": (lambda value: isinstance(value, str), "give it a text"),
    "MODEL": (lambda value: hasattr(value, "model_options"), "connect the MODEL of a checkpoint"),
    "CONDITIONING": (_is_conditioning, "connect a CONDITIONING, such as that of P2P Text Encode"),
    "LATENT": (_is_latent, "connect a LATENT with at least one picture, such as that of Empty Latent Image"),
    "MASK": (_is_mask, "connect a MASK of numbers from 0 to 1, one or several pictures of one size"),
    "IMAGE": (_is_image, "connect an IMAGE, such as that of VAE Decode"),
    "P2P_CONTROLLER": (
        lambda value: isinstance(value, EditedConditioning),
        "connect the controller output of a P2P node, such as P2P Replace",
    ),
    "P2P_ATTENTION": (
        lambda value: isinstance(value, AttentionStore),
        "connect the attention output of P2P Attention Store or P2P Load Attention",
    ),
    "P2P_RECORD": (
        lambda value: isinstance(value, RecordHandle),
        "connect the record output of P2P Record or P2P Load Record",
    ),
}
