"""What a record says about the run it is of, and how another run differs from that."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.prompt import content_key
from ...p2p_core.source_record import level_name
from .conditioning import GROUP_KEY
from .model_identity import loras_key, patch_names, weights_key
from .text import PROMPT_KEY

_GUIDANCE = ("cfg", "cfg1", "cfg2", "cfg_conds", "cfg_cond2_negative", "nested")

# What is compared, in the order in which it is said, and how a person calls it.
_NAMES = {
    "model": "the checkpoint",
    "loras": "the LoRAs",
    "patches": "what other nodes do to the model",
    "size": "the size of the latent",
    "pictures": "the number of pictures",
    "levels": "the noise levels (steps, scheduler, denoise or the part of the schedule)",
    "sampler": "the sampler",
    "sampler_options": "the sampler's settings",
    "guidance": "the guidance (cfg)",
    "seed": "the seed",
    "noise": "whether noise is added",
    "start": "the latent that sampling starts from",
    "mask": "the noise mask",
    "negative": "the negative prompt",
    "unedited": "the prompts that are not edited",
    "places": "what the prompts are set to (area, mask, strength, part of the run, size)",
    "control": "the ControlNet",
}
# What a conditioning says beside its prompt that the host acts on.
_PLACES = (
    "area", "mask", "mask_strength", "set_area_to_bounds", "strength", "start_percent", "end_percent",
    "width", "height", "crop_w", "crop_h", "target_width", "target_height", "concat_latent_image", "concat_mask",
)  # fmt: skip
_CONTROL_WEIGHTS = 16  # tensors of a ControlNet that are looked at
_OF_MAPS = ("model", "loras", "size")  # what maps that are made of a record depend on
_SHOWN = ("size", "pictures", "sampler", "sampler_options", "guidance", "seed")  # whose values mean something


class Start(NamedTuple):
    """What the host samples from, in the order of its arguments (0.3.75 to 0.8.0)."""

    noise: torch.Tensor
    latent_image: torch.Tensor
    sampler: Any
    sigmas: torch.Tensor
    denoise_mask: torch.Tensor | None = None
    callback: Any = None
    disable_pbar: Any = None
    seed: int | None = None


def start_of(*args, **kwargs) -> Start:
    """Newer hosts have more arguments."""
    return Start(*args[: len(Start._fields)], **{name: kwargs[name] for name in Start._fields if name in kwargs})


def run_facts(guider, start: Start, entries: Mapping, rows: int) -> dict[str, Any]:
    """The facts of a run that has ``rows`` rows for every picture of its source, as JSON can hold them."""
    noise, latent_image, sampler, sigmas, denoise_mask = start[:5]
    seed = start.seed
    positives = [entry for (name, _), entry in entries.items() if not _is_negative(name)]
    negatives = [entry for (name, _), entry in entries.items() if _is_negative(name)]
    function = getattr(sampler, "sampler_function", None)
    return {
        "model": weights_key(guider.model_patcher),
        "loras": loras_key(guider.model_patcher),
        "patches": list(patch_names(guider.model_options)),
        "size": list(noise.shape[1:]),
        "pictures": noise.shape[0] // rows,
        "levels": [level_name(level) for level in sigmas.tolist()],
        "sampler": getattr(function, "__name__", type(sampler).__name__),
        "sampler_options": _plain(getattr(sampler, "extra_options", {})),
        "guidance": {name: float(getattr(guider, name)) for name in _GUIDANCE if _is_number(guider, name)},
        "seed": seed,
        "noise": bool(noise.any()),  # what it is comes from the seed, and to the targets from the record
        "start": content_key(latent_image[::rows]),
        "mask": "" if denoise_mask is None else content_key(denoise_mask[:1]),
        "negative": [*map(_prompt, negatives)],
        "unedited": [_prompt(entry) for entry in positives if GROUP_KEY not in entry and PROMPT_KEY not in entry],
        "places": [_place(entry) for entry in entries.values()],
        "control": [_control(entry["control"]) for entry in entries.values() if entry.get("control") is not None],
    }


def facts_of_maps(guider, noise: torch.Tensor) -> dict[str, Any]:
    """Those of the facts of a run that maps depend on."""
    patcher = guider.model_patcher
    return dict(zip(_OF_MAPS, (weights_key(patcher), loras_key(patcher), list(noise.shape[1:])), strict=True))


def refuse_other_run(recorded: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Raises:
    P2PError: the run differs from the recorded one, and in what; only facts that it has are compared.
    """
    different = [name for name in _NAMES if name in own and recorded.get(name) != own[name]]
    if not different:
        return
    said = [
        f"{_NAMES[name]} ({_said(recorded.get(name))} recorded, {_said(own[name])} here)"
        if name in _SHOWN
        else _NAMES[name]
        for name in different
    ]
    raise P2PError(
        f"The record is of another run: different {'is' if len(said) == 1 else 'are'} {_listed(said)}. Give this "
        "sampler what the recorded one had, or record again with what this one has."
    )


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _said(value) -> str:
    if isinstance(value, Mapping):
        return (
            ", ".join(
                f"{name} {part:g}" if isinstance(part, float) else f"{name} {part}" for name, part in value.items()
            )
            or "none"
        )
    if isinstance(value, (list, tuple)):
        return "×".join(map(str, value))
    return str(value)


def _is_negative(name: str) -> bool:
    return name in ("negative", "empty_negative_prompt")


def _is_number(guider, name: str) -> bool:
    return isinstance(getattr(guider, name, None), (bool, int, float))


def _plain(options: Mapping) -> dict[str, Any]:
    return {name: value for name, value in options.items() if isinstance(value, (bool, int, float, str))}


def _prompt(entry: Mapping) -> str:
    """Of the first row, as the host may have repeated it."""
    parts = (entry.get(name) for name in ("cross_attn", "pooled_output"))
    return " ".join(content_key(part[:1]) for part in parts if torch.is_tensor(part))


def _place(entry: Mapping) -> str:
    found = ((name, entry.get(name)) for name in _PLACES)
    return " ".join(
        f"{name} {content_key(value) if torch.is_tensor(value) else value}"
        for name, value in found
        if value is not None
    )


def _control(control) -> list:
    """What a ControlNet and those before it are asked to do."""
    if control is None:
        return []
    hint = getattr(control, "cond_hint_original", None)
    settings = [str(getattr(control, name, None)) for name in ("strength", "timestep_percent_range", "strength_type")]
    own = [type(control).__name__, *settings, content_key(hint) if torch.is_tensor(hint) else ""]
    return [[*own, _control_weights(control)], *_control(getattr(control, "previous_controlnet", None))]


def _control_weights(control) -> str:
    """A few values of some tensors; "" of a kind whose network is made when sampling starts."""
    network = getattr(control, "control_model", None) or getattr(control, "t2i_model", None)
    weights = [*network.parameters()] if isinstance(network, torch.nn.Module) else []
    chosen = weights[:: max(1, len(weights) // _CONTROL_WEIGHTS)]
    return " ".join(content_key(weight.detach().flatten()[:64]) for weight in chosen)
