"""Telling whether two runs use the same model: the same weights, LoRAs and patches of other nodes."""

import hashlib
from collections.abc import Iterator

import torch

from ...p2p_core.prompt import content_key

# Of every network with cross-attention the host builds; fine-tuned models differ in them.
_WEIGHTS = ("input_blocks.0.0.weight", "time_embed.0.weight", "out.2.weight")
_SAMPLED = 64  # values of each LoRA tensor that are looked at


def weights_key(patcher) -> str:
    """Equal for two models whose weights are the same before LoRAs."""
    state = patcher.model.diffusion_model.state_dict()
    parts = []
    for name in _WEIGHTS:
        key = f"diffusion_model.{name}"
        kept = patcher.backup.get(key)  # what a LoRA was added to
        weight = state.get(name) if kept is None else kept.weight
        if weight is not None:
            parts.append(content_key(weight.flatten()[:4096]))
    return _key(parts)


def loras_key(patcher) -> str:
    """Equal for two models with the same LoRAs at the same strengths."""
    return _key(
        f"{name} {patch[0]} {patch[2]} {' '.join(_tensors_of(patch[1]))}"
        for name in sorted(map(str, patcher.patches))
        for patch in patcher.patches[name]
    )


def patch_names(options: dict) -> tuple[str, ...]:
    """What other nodes put into the model's options, by name. Attention overrides and this pack's own are left out."""
    transformer = options.get("transformer_options", {})
    named = [(kind, function) for kind, patches in transformer.get("patches", {}).items() for function in patches]
    for kind, sites in transformer.get("patches_replace", {}).items():
        named += [(f"{kind} replaced", function) for function in sites.values()]
    for kind, functions in options.items():
        if kind.startswith("sampler_") or kind == "model_function_wrapper":
            named += [(kind, function) for function in (functions if isinstance(functions, list) else [functions])]
    return tuple(sorted({f"{kind}: {_name(function)}" for kind, function in named}))


def _name(function) -> str:
    function = getattr(function, "__func__", function)
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _tensors_of(thing) -> Iterator[str]:
    """A few values of every tensor of a LoRA, in whatever the host keeps it."""
    if torch.is_tensor(thing):
        yield f"{tuple(thing.shape)} {content_key(thing.flatten()[:_SAMPLED])}"
    elif isinstance(thing, (tuple, list)):
        for part in thing:
            yield from _tensors_of(part)
    elif hasattr(thing, "weights"):  # an adapter, since 0.3.30
        yield from _tensors_of(thing.weights)
    elif isinstance(thing, (str, int, float)):
        yield str(thing)


def _key(parts) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
