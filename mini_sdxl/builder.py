"""The shipped weights as MODEL, CLIP and VAE of the host."""

from pathlib import Path

import comfy.model_management as management
import comfy.model_patcher
import comfy.sd
import torch
from comfy.taesd.taesd import TAESD
from safetensors.torch import load_file

from .architecture import LATENT_SCALE, denoiser, text_encoders
from .autoencoder import widened

WEIGHTS = Path(__file__).resolve().parent / "weights" / "mini_sdxl.safetensors"
VOCABULARY_SIZE = 49408
_TOKEN_TABLE = "text_model.embeddings.token_embedding.weight"


def load(precision: str = "auto", weights: Path = WEIGHTS):
    """(ModelPatcher, CLIP, VAE). ``precision``: auto, fp32 or fp16, for the denoiser."""
    return assemble(load_file(weights), inference_dtype(precision))


def assemble(state: dict[str, torch.Tensor], dtype: torch.dtype):
    """The same from a state dict in the file's layout."""
    return _model(_part(state, "denoiser."), dtype), _clip(state), _vae(state)


def inference_dtype(precision: str) -> torch.dtype:
    if precision == "auto":
        return torch.float16 if management.should_use_fp16(management.get_torch_device()) else torch.float32
    return {"fp32": torch.float32, "fp16": torch.float16}[precision]


def _part(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}


def _model(weights: dict[str, torch.Tensor], dtype: torch.dtype):
    offload = management.unet_offload_device()
    model = denoiser(offload, dtype)
    model.diffusion_model.load_state_dict({key: value.to(dtype) for key, value in weights.items()})
    return comfy.model_patcher.ModelPatcher(model, load_device=management.get_torch_device(), offload_device=offload)


def _clip(state: dict[str, torch.Tensor]):
    """Both encoders; their token tables hold the trained words, every other token is the trained unknown one."""
    clip = text_encoders()
    vocabulary = state["vocabulary"].long()
    for name in ("clip_l", "clip_g"):
        weights = {key: value.float() for key, value in _part(state, f"{name}.").items()}
        rows = weights[_TOKEN_TABLE]
        table = rows[:1].repeat(VOCABULARY_SIZE, 1)
        table[vocabulary] = rows[1:]
        weights[_TOKEN_TABLE] = table
        getattr(clip.cond_stage_model, name).transformer.load_state_dict(weights)
    return clip


def _vae(state: dict[str, torch.Tensor]):
    wide = TAESD().state_dict()
    weights = {"vae_scale": torch.tensor(LATENT_SCALE), "vae_shift": torch.tensor(0.0)}
    for part in ("taesd_encoder.", "taesd_decoder."):
        narrow = {part + key: value.float() for key, value in _part(state, part).items()}
        weights.update(widened(narrow, wide))
    return comfy.sd.VAE(sd=weights)
