"""Telling whether two conditionings have the same hooks: what the host loads or patches for one prompt alone.

Of a LoRA that is its weights, its strength and its keyframes. Nothing here keeps a hook or a tensor alive.
"""

from comfy.hooks import Hook, HookGroup, TransformerOptionsHook, WeightHook

from .guarding import is_guard
from .model_identity import callables_key, key_of, tensors_key


def hooks_key(hooks: HookGroup | None) -> str:
    """Equal for two groups that do the same to the model, in whatever order they stand; "" for none that does.

    What a hook does to the text encoder is in the prompt already.
    """
    said = [_said(hook) for hook in (hooks.hooks if hooks is not None else ()) if not is_guard(hook)]
    return " + ".join(sorted(filter(None, said)))


def _said(hook: Hook) -> str:
    if isinstance(hook, WeightHook):
        strength = float(hook._strength_model)
        return "" if strength == 0 else f"weights {key_of(tensors_key(hook.weights))} × {strength:g}{_keyframes(hook)}"
    what = ""
    if isinstance(hook, TransformerOptionsHook):
        what = " ".join(callables_key(hook.transformers_dict or {}))
    return f"{type(hook).__qualname__} {what}{_keyframes(hook)}"


def _keyframes(hook: Hook) -> str:
    frames = hook.hook_keyframe.keyframes
    said = (f"{frame.strength:g} from {frame.start_percent:g} for {frame.guarantee_steps}" for frame in frames)
    return "".join(f" [{frame}]" for frame in said)
