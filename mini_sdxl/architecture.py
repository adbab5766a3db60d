"""The embedded model in ComfyUI's own classes: SDXL's structure, small (see ``README.md`` here for the figures)."""

import comfy.sd
import comfy.sdxl_clip
import comfy.supported_models
import comfy.supported_models_base
import torch

TEXT_WIDTH = 64
CONTEXT_WIDTH = 2 * TEXT_WIDTH
LATENT_SCALE = 0.13025  # comfy.latent_formats.SDXL: the model works in the autoencoder's raw space
HEAD_WIDTH = 32
DENOISER = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 64,
    "num_res_blocks": [1, 1],
    "channel_mult": (1, 2),
    "transformer_depth": [1, 1],
    "transformer_depth_output": [0, 1, 1, 1],
    "transformer_depth_middle": 1,
    "context_dim": CONTEXT_WIDTH,
    "adm_in_channels": TEXT_WIDTH + 6 * 256,
    "num_classes": "sequential",
    "use_spatial_transformer": True,
    "use_linear_in_transformer": True,
    "use_temporal_attention": False,
    "legacy": False,
}
TEXT_ENCODER = {
    "hidden_size": TEXT_WIDTH,
    "intermediate_size": 4 * TEXT_WIDTH,
    "num_attention_heads": 2,
    "num_hidden_layers": 3,  # the host reads the last but one
    "projection_dim": TEXT_WIDTH,
}


def denoiser(device: torch.device, dtype: torch.dtype = torch.float32):
    """An uninitialised ``comfy.model_base.SDXL``."""
    config = comfy.supported_models.SDXL({**DENOISER, "dtype": dtype})
    config.unet_config["num_head_channels"] = HEAD_WIDTH  # the host's class fixes SDXL's 64 when it is made
    config.set_inference_dtype(dtype, None)
    return config.get_model({}, device=device)


def text_encoders(**options) -> comfy.sd.CLIP:
    """An uninitialised ``comfy.sd.CLIP`` of SDXL's two encoders; ``options`` go to the host."""
    target = comfy.supported_models_base.ClipTarget(comfy.sdxl_clip.SDXLTokenizer, comfy.sdxl_clip.SDXLClipModel)
    configs = {"clip_l_model_config": TEXT_ENCODER, "clip_g_model_config": TEXT_ENCODER}
    return comfy.sd.CLIP(target, model_options={**configs, **options})
