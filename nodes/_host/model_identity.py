"""Telling whether two runs use the same model: the same weights, LoRAs and patches of other nodes."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

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
    return key_of(parts)


def loras_key(patcher) -> str:
    """Equal for two models with the same LoRAs at the same strengths."""
    return key_of(
        f"{name} {patch[0]} {patch[2]} {' '.join(tensors_key(patch[1]))}"
        for name in sorted(map(str, patcher.patches))
        for patch in patcher.patches[name]
    )


def prediction_name(patcher) -> str:
    """What a model predicts, over which kind of noise levels.

    Of the host's classes those that one is put together from: a node that changes nothing makes another one (0.3.75).
    """
    return ", ".join(kind.__name__ for kind in type(patcher.get_model_object("model_sampling")).__bases__)


def patch_names(options: Mapping) -> tuple[str, ...]:
    """What other nodes put into the model's options, by name."""
    return tuple(sorted({name for name, _ in named_patches(options)}))


def named_patches(options: Mapping) -> Iterator[tuple[str, object]]:
    """What other nodes put into the model's options, with a name.

    Attention overrides are left out, which compute the same in another way, and wrappers, many of which only watch.
    """
    transformer = options.get("transformer_options", {})
    for kind, patches in transformer.get("patches", {}).items():
        yield from ((f"{kind}: {_name(function)}", function) for function in patches)
    for kind, sites in transformer.get("patches_replace", {}).items():
        yield from ((f"{kind} replaced: {_name(function)}", function) for function in sites.values())
    for kind, found in options.items():
        if kind.startswith("sampler_") or kind in ("model_function_wrapper", "denoise_mask_function"):
            functions = found if isinstance(found, list) else [found]
            yield from ((f"{kind}: {_name(function)}", function) for function in functions)


def callables_key(thing: object) -> Iterator[str]:
    """The names of all callables in nested dictionaries and lists, each with where it stands."""
    if isinstance(thing, Mapping):
        for key in sorted(thing, key=str):
            yield from (f"{key}.{name}" for name in callables_key(thing[key]))
    elif isinstance(thing, (tuple, list)):
        for part in thing:
            yield from callables_key(part)
    elif callable(thing):
        yield _name(thing)


def _name(function) -> str:
    function = getattr(function, "__func__", function)
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def tensors_key(thing) -> Iterator[str]:
    """A few values of every tensor of a LoRA, in whatever the host keeps it: by name, in order, or as an adapter."""
    if torch.is_tensor(thing):
        yield f"{tuple(thing.shape)} {content_key(thing.flatten()[:_SAMPLED])}"
    elif isinstance(thing, (tuple, list)):
        for part in thing:
            yield from tensors_key(part)
    elif isinstance(thing, Mapping):
        for name in sorted(thing, key=str):
            yield str(name)
            yield from tensors_key(thing[name])
    elif hasattr(thing, "weights"):  # an adapter, since 0.3.30
        yield from tensors_key(thing.weights)
    elif isinstance(thing, (str, int, float)):
        yield str(thing)


def key_of(parts: Iterable[str]) -> str:
    """One short text of many."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
