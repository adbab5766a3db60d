"""Further small models with random weights, in the shapes of the families that users have: (model, clip, vae) each."""

import comfy.model_patcher
import comfy.sd
import comfy.sd1_clip
import comfy.supported_models
import comfy.supported_models_base
import torch
from comfy.taesd.taesd import TAESD

from .tiny_sdxl import LOW, SDXL, initialised, text_config, tiny_clip

CPU = torch.device("cpu")

SHAPES = {
    # Levels and attention sites as comfy.model_detection has them; two blocks stand for ten.
    "SDXL": {},
    "SSD-1B": {
        "transformer_depth": [0, 0, 2, 2, 3, 3],
        "transformer_depth_output": [0, 0, 0, 1, 1, 2, 4, 3, 3],
        "transformer_depth_middle": -1,
    },
    "Vega": {"transformer_depth_middle": -1},
    "KOALA": {
        "num_res_blocks": [1, 1, 1],
        "transformer_depth": [0, 2, 3],
        "transformer_depth_output": [0, 0, 2, 2, 3, 3],
        "transformer_depth_middle": -2,
    },
    "SDXL inpainting": {"in_channels": 9},
    # Of no real model: every kind of site, in half the time.
    "small": {
        "num_res_blocks": [1, 1, 1],
        "transformer_depth": [0, 1, 2],
        "transformer_depth_output": [0, 0, 1, 1, 2, 1],
        "transformer_depth_middle": 1,
    },
    # Of no real model: for what takes long for every layer.
    "smallest": {
        "num_res_blocks": [1, 1, 1],
        "transformer_depth": [0, 0, 1],
        "transformer_depth_output": [0, 0, 0, 0, 1, 1],
        "transformer_depth_middle": 1,
    },
}

SD15 = {
    **SDXL,
    "num_res_blocks": [2, 2, 2, 2],
    "channel_mult": [1, 2, 4, 4],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1,
    "use_linear_in_transformer": False,
    "context_dim": LOW,
    "adm_in_channels": None,
    "num_classes": None,
}


def _patcher(config, heads: dict) -> comfy.model_patcher.ModelPatcher:
    """A model of the host's class for this configuration, initialised."""
    config.unet_config.update(heads)  # the configuration's class forces those of the full size
    config.set_inference_dtype(torch.float32, None)
    base = config.get_model({}, device=CPU)
    initialised(base.diffusion_model, 0)
    base.diffusion_model.out[2].weight.mul_(0.2)
    return comfy.model_patcher.ModelPatcher(base, load_device=CPU, offload_device=CPU)


def tiny_vae() -> comfy.sd.VAE:
    return comfy.sd.VAE(sd=initialised(TAESD(), 2).state_dict())


@torch.inference_mode()
def sdxl_shaped(shape: str):
    """A model of SDXL's family: one of ``SHAPES``."""
    config = comfy.supported_models.SDXL({**SDXL, **SHAPES[shape], "dtype": torch.float32})
    return _patcher(config, {"num_head_channels": 16}), tiny_clip(), tiny_vae()


@torch.inference_mode()
def sd15():
    """Attention on four grids, from the latent's own to an eighth of it, and one text encoder."""
    config = comfy.supported_models.SD15({**SD15, "dtype": torch.float32})
    target = comfy.supported_models_base.ClipTarget(comfy.sd1_clip.SD1Tokenizer, comfy.sd1_clip.SD1ClipModel)
    clip = comfy.sd.CLIP(target, model_options={"clip_l_model_config": text_config(LOW), "dtype": torch.float32})
    initialised(clip.cond_stage_model, 1)
    return _patcher(config, {"num_heads": 2, "num_head_channels": -1}), clip, tiny_vae()
