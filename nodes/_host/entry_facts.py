"""What a record says about the conditioning entries of its run: each one's part in it, and what is set on it."""

from collections.abc import Collection, Mapping
from typing import Any

import torch

from ...p2p_core.prompt import content_key
from .conditioning import GROUP_KEY
from .entries import UNEDITED, EntryKey
from .hook_identity import hooks_key
from .text import PROMPT_KEY

Entry = Mapping[str, Any]

# What a conditioning says beside its prompt that the host acts on.
_PLACES = (
    "area", "mask", "mask_strength", "set_area_to_bounds", "strength", "start_percent", "end_percent",
    "clip_start_percent", "clip_end_percent", "default",
    "width", "height", "crop_w", "crop_h", "target_width", "target_height", "concat_latent_image", "concat_mask",
)  # fmt: skip
_CONTROL_WEIGHTS = 16  # tensors of a ControlNet that are looked at


def sources_among(entries: Mapping[EntryKey, Entry]) -> list[EntryKey]:
    """The keys of the entries that are sources, in order.

    In a run with edits these are the edited ones: a prompt that was added after P2P Apply is the same for all pictures.
    Otherwise nobody knows yet what will be edited, and all prompts with words are.
    """
    positives = {key: entry for key, entry in entries.items() if key[0] not in UNEDITED}
    edited = [key for key, entry in positives.items() if GROUP_KEY in entry]
    return edited or [key for key, entry in positives.items() if PROMPT_KEY in entry]


def entry_facts(entries: Mapping[EntryKey, Entry]) -> dict[str, Any]:
    """The prompts beside the sources, and what is set on all entries; the order of the entries does not matter."""
    sources = sources_among(entries)
    roles = {}
    for number, key in enumerate(sources):
        recorded = entries[key][GROUP_KEY].recorded if GROUP_KEY in entries[key] else None
        roles[key] = _source(number if recorded is None else recorded.entry)
    negatives = [key for key in entries if key[0] in UNEDITED]
    roles |= {key: f"negative {number}" for number, key in enumerate(negatives)}
    others = [key for key in entries if key not in roles]
    roles |= {key: _other(prompt_key(entries[key])) for key in others}
    set_on = [(roles[key], entry) for key, entry in entries.items()]
    return {
        "negative": [prompt_key(entries[key]) for key in negatives],
        "unedited": sorted(prompt_key(entries[key]) for key in others),
        "places": sorted(f"{role}: {_place(entry)}" for role, entry in set_on),
        "hooks": sorted(f"{role}: {key}" for role, entry in set_on if (key := hooks_key(entry.get("hooks")))),
        "control": sorted(
            (_controls(role, entry) for role, entry in set_on if entry.get("control") is not None), key=str
        ),
    }


def as_unedited(facts: Mapping[str, Any], used: Collection[int]) -> dict[str, Any]:
    """The facts of a record as they are where only some of its prompts are edited, and the others stand beside them."""
    beside = {number: one["key"] for number, one in enumerate(facts["prompts"]) if number not in used}
    if not beside:
        return dict(facts)
    roles = {_source(number): _other(key) for number, key in beside.items()}

    def renamed(text: str) -> str:
        role, colon, rest = text.partition(": ")
        return f"{roles.get(role, role)}{colon}{rest}"

    return {
        **facts,
        "unedited": sorted([*facts["unedited"], *beside.values()]),
        "places": sorted(map(renamed, facts["places"])),
        "hooks": sorted(map(renamed, facts["hooks"])),
        "control": sorted(([roles.get(role, role), *rest] for role, *rest in facts["control"]), key=str),
    }


def prompt_key(entry: Entry) -> str:
    """Equal for two entries of equal prompts: the text of the first row, as the host may have repeated it."""
    parts = (entry.get(name) for name in ("cross_attn", "pooled_output"))
    return " ".join(content_key(part[:1]) for part in parts if torch.is_tensor(part))


def _source(number: int) -> str:
    return f"source {number}"


def _other(key: str) -> str:
    return f"other {key}"


def _place(entry: Entry) -> str:
    found = ((name, entry.get(name)) for name in _PLACES)
    said = [f"{name} {_value(value)}" for name, value in found if value is not None]
    if (boxes := entry.get("gligen")) is not None:  # (kind, model, [(text, height, width, y, x)])
        said.append(f"gligen {boxes[0]} {[[_value(part) for part in box] for box in boxes[2]]}")
    return " ".join(said)


def _value(value: object) -> str:
    return content_key(value) if torch.is_tensor(value) else str(value)


def _controls(role: str, entry: Entry) -> list:
    return [role, [bool(entry.get("control_apply_to_uncond"))], *_control(entry["control"])]


def _control(control) -> list:
    """What a ControlNet and those before it are asked to do."""
    if control is None:
        return []
    hint = getattr(control, "cond_hint_original", None)
    settings = [str(getattr(control, name, None)) for name in ("strength", "timestep_percent_range", "strength_type")]
    further = getattr(control, "extra_args", None) or {}  # such as the type of a union ControlNet
    settings += [f"{name} {value}" for name, value in sorted(further.items()) if _is_plain(value)]
    own = [type(control).__name__, *settings, content_key(hint) if torch.is_tensor(hint) else ""]
    return [[*own, _control_weights(control)], *_control(getattr(control, "previous_controlnet", None))]


def _is_plain(value: object) -> bool:
    return isinstance(value, (bool, int, float, str)) or (isinstance(value, list) and all(map(_is_plain, value)))


def _control_weights(control) -> str:
    """A few values of some tensors; "" of a kind whose network is made when sampling starts."""
    network = getattr(control, "control_model", None) or getattr(control, "t2i_model", None)
    weights = [*network.parameters()] if isinstance(network, torch.nn.Module) else []
    chosen = weights[:: max(1, len(weights) // _CONTROL_WEIGHTS)]
    return " ".join(content_key(weight.detach().flatten()[:64]) for weight in chosen)
