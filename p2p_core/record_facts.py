"""What the facts of a record have to be, before anything of a file is believed."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from .errors import P2PError
from .record_homes import Stretch
from .token_maps import are_token_maps

# By name: of which type, and of which its parts are (None where it has none).
_FACTS: Mapping[str, tuple[type, type | None]] = {
    "model": (str, None), "prediction": (str, None), "loras": (str, None), "patches": (list, str),
    "settings": (dict, None), "size": (list, int), "pictures": (int, None),
    "levels": (list, str), "sampler": (str, None), "sampler_options": (dict, None), "guidance": (dict, None),
    "noise": (bool, None), "start": (str, None), "mask": (str, None), "negative": (list, str),
    "unedited": (list, str), "places": (list, str), "hooks": (list, str), "control": (list, list), "keep": (str, None),
    "pooling": (int, None), "prompts": (list, dict),
}  # fmt: skip
_OF_A_PROMPT: Mapping[str, tuple[type, type | None]] = {
    "text": (str, None), "key": (str, None), "tokens": (int, None), "positions": (list, int), "words": (list, dict),
}  # fmt: skip
_OF_A_WORD: Mapping[str, tuple[type, type | None]] = {
    "label": (str, None), "text": (str, None), "occurrence": (int, None), "positions": (list, int),
    "is_punctuation": (bool, None),
}  # fmt: skip


def refuse_wrong_facts(
    name: str, facts: Mapping[str, Any], exact: Mapping[str, torch.Tensor] | Mapping[str, Stretch]
) -> None:
    """``exact``: by name, what is kept exact, or where in the file it stands.

    Raises:
        P2PError: the file says of its record what cannot be, or lacks the latents that it needs.
    """
    wrong = _wrong(facts, exact)
    if wrong:
        raise P2PError(f"{name} is damaged: {wrong}. Save the record again.")


def _wrong(facts: Mapping[str, Any], exact: Mapping[str, torch.Tensor] | Mapping[str, Stretch]) -> str:
    if missing := _not_as(facts, _FACTS):
        return f"what it says of {missing} cannot be"
    if facts["keep"] not in ("queries", "words") or facts["pooling"] not in (1, 2, 4) or not facts["prompts"]:
        return "what it says of what it keeps cannot be"
    if len(facts["size"]) != 3 or min(facts["size"]) < 1 or facts["pictures"] < 1:
        return "what it says of its size cannot be"
    if any(not one or type(one[0]) is not str for one in facts["control"]) or not _are_settings(facts["settings"]):
        return "what it says of ControlNets or other nodes cannot be"
    for prompt in facts["prompts"]:
        if _not_as(prompt, _OF_A_PROMPT) or not _are_tokens(prompt["positions"], prompt["tokens"]):
            return "what it says of its prompts cannot be"
        if any(_not_as(word, _OF_A_WORD) or not _are_tokens(word["positions"], prompt["tokens"])
               for word in prompt["words"]):  # fmt: skip
            return "what it says of its words cannot be"
    if facts["keep"] == "queries" and not all(
        _is_text(exact.get(f"text/{number}"), prompt["tokens"]) for number, prompt in enumerate(facts["prompts"])
    ):
        return "it lacks what its prompts were encoded to"
    shapes = {name: tuple(part.shape) for name, part in exact.items()}
    if not are_token_maps(shapes, facts["pictures"], tuple(facts["size"][1:]), facts["prompts"]):
        return "what it has of its words' maps cannot be"
    whole = (facts["pictures"], *facts["size"])
    if any(shapes.get(name) != whole for name in ("start", "noise", "result")):
        return "it lacks what its run started or ended with"
    return ""


def _not_as(facts: Mapping[str, Any], wanted: Mapping[str, tuple[type, type | None]]) -> str:
    """The first of the wanted facts that is not there or of another type; "" where all are right."""
    for name, (kind, part) in wanted.items():
        value: Any = facts.get(name)
        if type(value) is not kind or (part is not None and any(type(one) is not part for one in value)):
            return name
    return ""


def _are_settings(settings: Mapping[str, Any]) -> bool:
    """Texts by patch and path."""
    return all(
        type(paths) is dict
        and all(type(values) is list and all(type(one) is str for one in values) for values in paths.values())
        for paths in settings.values()
    )


def _is_text(text: torch.Tensor | Stretch | None, tokens: int) -> bool:
    if text is None or len(text.shape) != 3 or not text.dtype.is_floating_point:
        return False
    return text.shape[0] == 1 and tokens <= text.shape[1]


def _are_tokens(positions: Sequence[int], tokens: int) -> bool:
    return all(0 <= position < tokens for position in positions)
