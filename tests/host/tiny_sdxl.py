"""An SDXL with random weights in the host's classes: 17 attention sites, 8 million parameters."""

import comfy.model_patcher
import comfy.sd
import comfy.sdxl_clip
import comfy.supported_models
import comfy.supported_models_base
import torch
from comfy.taesd.taesd import TAESD

LOW, HIGH = 32, 64  # channels of the two text encoders

SDXL = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 32,
    "num_res_blocks": [2, 2, 2],
    "channel_mult": [1, 2, 4],
    "transformer_depth": [0, 0, 1, 1, 2, 2],
    "transformer_depth_output": [0, 0, 0, 1, 1, 1, 2, 2, 2],
    "transformer_depth_middle": 2,
    "num_heads": -1,
    "num_head_channels": 16,
    "use_spatial_transformer": True,
    "use_linear_in_transformer": True,
    "context_dim": LOW + HIGH,
    "adm_in_channels": HIGH + 6 * 256,
    "num_classes": "sequential",
    "legacy": False,
    "use_temporal_attention": False,
    "use_checkpoint": False,
}


def initialised(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """The host's layers come with uninitialised memory."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        if parameter.ndim > 1:
            spread = parameter[0].numel() ** -0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
    for name, parameter in module.named_parameters():
        if parameter.ndim == 1:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)
    return module


def text_config(width: int) -> dict:
    return {"hidden_size": width, "intermediate_size": 2 * width, "num_attention_heads": 2, "num_hidden_layers": 3}


@torch.inference_mode()
def tiny_clip() -> comfy.sd.CLIP:
    """SDXL's two text encoders, small."""
    target = comfy.supported_models_base.ClipTarget(comfy.sdxl_clip.SDXLTokenizer, comfy.sdxl_clip.SDXLClipModel)
    options = {"clip_l_model_config": text_config(LOW), "clip_g_model_config": text_config(HIGH)}
    clip = comfy.sd.CLIP(target, model_options={**options, "dtype": torch.float32})
    initialised(clip.cond_stage_model, 1)
    return clip


@torch.inference_mode()
def tiny_sdxl(dtype: torch.dtype = torch.float32):
    cpu = torch.device("cpu")
    config = comfy.supported_models.SDXL({**SDXL, "dtype": dtype})
    config.unet_config["num_head_channels"] = 16
    config.set_inference_dtype(dtype, None)
    base = config.get_model({}, device=cpu)
    initialised(base.diffusion_model, 0)
    base.diffusion_model.out[2].weight.mul_(0.2)
    model = comfy.model_patcher.ModelPatcher(base, load_device=cpu, offload_device=cpu)
    clip = tiny_clip()
    vae = comfy.sd.VAE(sd=initialised(TAESD(), 2).state_dict())
    return model, clip, vae
