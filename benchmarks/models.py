"""Diffusion models of the real architectures with random weights, in the host's own classes.

Speed and memory do not depend on what the weights are. The text encoders have the real widths and few layers: their
run is no part of sampling.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import comfy.model_patcher
import comfy.sd
import comfy.sd1_clip
import comfy.sdxl_clip
import comfy.supported_models
import comfy.supported_models_base
import torch

from ..mini_sdxl.builder import load

_LARGE = {"hidden_size": 1280, "intermediate_size": 1280, "num_attention_heads": 20, "num_hidden_layers": 3}
_SMALL = {"hidden_size": 768, "intermediate_size": 768, "num_attention_heads": 12, "num_hidden_layers": 3}

_COMMON = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "use_spatial_transformer": True,
    "legacy": False,
    "use_temporal_attention": False,
    "use_checkpoint": False,
}
_SDXL = {
    **_COMMON,
    "model_channels": 320,
    "num_res_blocks": [2, 2, 2],
    "channel_mult": [1, 2, 4],
    "transformer_depth": [0, 0, 2, 2, 10, 10],
    "transformer_depth_output": [0, 0, 0, 2, 2, 2, 10, 10, 10],
    "transformer_depth_middle": 10,
    "num_heads": -1,
    "num_head_channels": 64,
    "use_linear_in_transformer": True,
    "context_dim": 2048,
    "adm_in_channels": 2816,
    "num_classes": "sequential",
}
_SSD_1B = {
    **_SDXL,
    "transformer_depth": [0, 0, 2, 2, 4, 4],
    "transformer_depth_output": [0, 0, 0, 1, 1, 2, 10, 4, 4],
    "transformer_depth_middle": -1,
}
_SD15 = {
    **_COMMON,
    "model_channels": 320,
    "num_res_blocks": [2, 2, 2, 2],
    "channel_mult": [1, 2, 4, 4],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1,
    "num_heads": 8,
    "num_head_channels": -1,
    "use_linear_in_transformer": False,
    "context_dim": 768,
    "adm_in_channels": None,
}


@dataclass(frozen=True)
class Architecture:
    """A model to be measured.

    Attributes:
        name: as results call it.
        unet: the host's configuration of the network.
        is_sdxl: two text encoders and SDXL's size conditioning; else SD 1.5's one.
    """

    name: str
    unet: Mapping[str, object]
    is_sdxl: bool = True


SDXL = Architecture("SDXL", _SDXL)
SSD_1B = Architecture("SSD-1B", _SSD_1B)
SD15 = Architecture("SD 1.5", _SD15, is_sdxl=False)
# Its weights and text encoders come with the pack; the configuration is in ``mini_sdxl``.
MINI = Architecture("embedded mini", {})
# 128 channels are two fifths of SDXL's width; its heads, levels and depths stay.
NARROW_SDXL = Architecture("SDXL at 2/5 of its width", {**_SDXL, "model_channels": 128})
FULL_SIZE = (SDXL, SSD_1B, SD15)


def build(architecture: Architecture, dtype: torch.dtype, device: torch.device):
    """(host's base model) with random weights on a device; on ``meta`` with shapes only."""
    family = comfy.supported_models.SDXL if architecture.is_sdxl else comfy.supported_models.SD15
    config = family({**architecture.unet, "dtype": dtype})
    config.unet_config.update({key: architecture.unet[key] for key in ("num_heads", "num_head_channels")})
    config.set_inference_dtype(dtype, None)
    base = config.get_model({}, device=device)
    if device.type != "meta":
        _initialise(base.diffusion_model)
    return base


def loaded(architecture: Architecture, dtype: torch.dtype, device: torch.device):
    """(model, CLIP) for the host's sampler."""
    if architecture is MINI:
        model, clip, _ = load("fp16" if dtype is torch.float16 else "fp32")
        return model, clip
    return patcher(build(architecture, dtype, device), device), text_encoder(architecture)


def patcher(base, device: torch.device) -> comfy.model_patcher.ModelPatcher:
    """The host's handle of a model that stays on its device."""
    return comfy.model_patcher.ModelPatcher(base, load_device=device, offload_device=device)


def text_encoder(architecture: Architecture) -> comfy.sd.CLIP:
    """The host's tokenizers and text encoders, of the widths that the network reads."""
    if architecture.is_sdxl:
        classes = comfy.sdxl_clip.SDXLTokenizer, comfy.sdxl_clip.SDXLClipModel
        options = {"clip_l_model_config": _SMALL, "clip_g_model_config": _LARGE}
    else:
        classes = comfy.sd1_clip.SD1Tokenizer, comfy.sd1_clip.SD1ClipModel
        options = {"clip_l_model_config": _SMALL}
    target = comfy.supported_models_base.ClipTarget(*classes)
    clip = comfy.sd.CLIP(target, model_options={**options, "dtype": torch.float32})
    _initialise(clip.cond_stage_model)
    return clip


def _initialise(module: torch.nn.Module) -> None:
    """Values of the size that keeps activations finite: the host's layers come with uninitialised memory."""
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=parameter[0].numel() ** -0.5)
        else:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)
