"""What a record says about the run it is of, and how another run differs from that."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.prompt import content_key
from ...p2p_core.source_record import level_name
from ...p2p_core.wording import listed
from .entry_facts import entry_facts
from .model_identity import loras_key, patch_names, prediction_name, weights_key
from .patch_settings import kept_settings, other_settings, patch_settings

_GUIDANCE = ("cfg", "cfg1", "cfg2", "cfg_conds", "cfg_cond2_negative", "nested")

# What is compared, in the order in which it is said, and how a person calls it.
_NAMES = {
    "model": "the checkpoint",
    "prediction": "what the model predicts",
    "loras": "the LoRAs",
    "patches": "what other nodes do to the model",
    "settings": "the settings of what other nodes do to the model",
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
    "hooks": "the hooks set on the prompts (LoRAs and their keyframes)",
    "control": "the ControlNet",
}
_MOST_SETTINGS = 3  # that are said
_OF_MAPS = ("model", "loras", "size")  # what maps that are made of a record depend on
_SHOWN = (  # whose values mean something
    "prediction", "size", "pictures", "sampler", "sampler_options", "guidance", "seed",
)  # fmt: skip


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
    function = getattr(sampler, "sampler_function", None)
    return {
        "model": weights_key(guider.model_patcher),
        "prediction": prediction_name(guider.model_patcher),
        "loras": loras_key(guider.model_patcher),
        "patches": list(patch_names(guider.model_options)),
        "settings": patch_settings(guider.model_patcher.model_options),
        "size": list(noise.shape[1:]),
        "pictures": noise.shape[0] // rows,
        "levels": [level_name(level) for level in sigmas.tolist()],
        "sampler": getattr(function, "__name__", type(sampler).__name__),
        "sampler_options": _plain(getattr(sampler, "extra_options", {})),
        "guidance": {name: float(getattr(guider, name)) for name in _GUIDANCE if _is_number(guider, name)},
        "seed": seed,
        "noise": bool(noise.any()),  # what it is comes from the seed, and to the targets from the record
        "start": content_key(latent_image[::rows]),
        "mask": "" if denoise_mask is None else content_key(denoise_mask[::rows]),
        **entry_facts(entries),
    }


def without_state(facts: Mapping[str, Any], guider) -> dict[str, Any]:
    """The facts of a run that is over, without what of its model's patches was no setting, as the run changed it."""
    if not facts:
        return {}
    return {**facts, "settings": kept_settings(facts["settings"], patch_settings(guider.model_patcher.model_options))}


def facts_of_maps(guider, noise: torch.Tensor) -> dict[str, Any]:
    """Those of the facts of a run that maps depend on."""
    patcher = guider.model_patcher
    return dict(zip(_OF_MAPS, (weights_key(patcher), loras_key(patcher), list(noise.shape[1:])), strict=True))


def refuse_other_run(recorded: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Raises:
    P2PError: the run differs from the recorded one, and in what; only facts that it has are compared.
    """
    settings = other_settings(recorded.get("settings", {}), own["settings"]) if "settings" in own else []
    different = [
        name for name in _NAMES if name in own and (settings if name == "settings" else recorded.get(name) != own[name])
    ]
    if not different:
        return
    said = [
        f"{_NAMES[name]} ({_said(recorded.get(name))} recorded, {_said(own[name])} here)"
        if name in _SHOWN
        else f"{_NAMES[name]} ({'; '.join(settings[:_MOST_SETTINGS])})"
        if name == "settings"
        else _NAMES[name]
        for name in different
    ]
    raise P2PError(
        f"The record is of another run: different {'is' if len(said) == 1 else 'are'} {listed(said)}. Give this "
        "sampler what the recorded one had, or record again with what this one has."
    )


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


def _is_number(guider, name: str) -> bool:
    return isinstance(getattr(guider, name, None), (bool, int, float))


def _plain(options: Mapping) -> dict[str, Any]:
    return {name: value for name, value in options.items() if isinstance(value, (bool, int, float, str))}
