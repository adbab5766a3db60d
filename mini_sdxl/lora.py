"""The LoRA of the embedded model: everything as a sticker with a white border."""

from pathlib import Path

import comfy.sd
import comfy.utils

from .architecture import DENOISER

WEIGHTS = Path(__file__).resolve().parent / "weights" / "mini_lora.safetensors"


def fits(model) -> bool:
    """Whether a ModelPatcher has the shape of the embedded model, which no published model has."""
    config = getattr(getattr(model.model, "model_config", None), "unet_config", {})
    return all(_same(config.get(key), value) for key, value in DENOISER.items())


def with_lora(model, strength: float, weights: Path = WEIGHTS):
    """A clone of the model with the LoRA; at strength 0 the model itself."""
    if strength == 0:
        return model
    return comfy.sd.load_lora_for_models(model, None, comfy.utils.load_torch_file(str(weights)), strength, 0.0)[0]


def _same(found: object, wanted: object) -> bool:
    both_are_lists = isinstance(found, (list, tuple)) and isinstance(wanted, (list, tuple))
    return list(found) == list(wanted) if both_are_lists else found == wanted
