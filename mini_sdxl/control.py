"""The embedded model's ControlNet: the silhouette of an object, white on black, says where it is drawn.

ComfyUI's own class, a copy of the denoiser's encoder with zero convolutions. What tells it the noise level and the
pooled text is the denoiser's own and is not stored again. The network that reads the control picture was trained
narrow; filling it up with zeros to the width of ComfyUI's class changes nothing, as SiLU keeps zeros.
"""

from pathlib import Path

import comfy.cldm.cldm
import comfy.controlnet
import comfy.model_management as management
import torch
from safetensors.torch import load_file
from torch import nn

from .architecture import DENOISER, HEAD_WIDTH
from .builder import WEIGHTS as DENOISER_WEIGHTS
from .builder import inference_dtype

WEIGHTS = Path(__file__).resolve().parent / "weights" / "mini_controlnet.safetensors"
HINT = "input_hint_block."
HINT_WIDTHS = (3, 8, 8, 16, 16, 32, 32, 64, DENOISER["model_channels"])
HINT_STRIDES = (1, 1, 2, 1, 2, 1, 2, 1)
_OF_THE_DECODER = ("transformer_depth_output", "out_channels")
_SHARED = ("time_embed.", "label_emb.")


def load(precision: str = "auto", weights: Path = WEIGHTS) -> comfy.controlnet.ControlNet:
    """A CONTROL_NET. ``precision``: auto, fp32 or fp16."""
    dtype = inference_dtype(precision)
    network = control_network(dtype)
    state = complete(load_file(weights), load_file(DENOISER_WEIGHTS), network)
    network.load_state_dict({key: value.to(dtype) for key, value in state.items()})
    return comfy.controlnet.ControlNet(network, load_device=management.get_torch_device())


def control_network(dtype: torch.dtype = torch.float32) -> comfy.cldm.cldm.ControlNet:
    """An uninitialised one."""
    settings = {key: value for key, value in DENOISER.items() if key not in _OF_THE_DECODER}
    return comfy.cldm.cldm.ControlNet(
        **settings, hint_channels=3, num_head_channels=HEAD_WIDTH, dtype=dtype, device=management.unet_offload_device()
    )


def hint_network() -> nn.Sequential:
    """The narrow network that reads the control picture, without the class's unused channels."""
    layers = []
    for width, following, stride in zip(HINT_WIDTHS[:-1], HINT_WIDTHS[1:], HINT_STRIDES, strict=True):
        layers += [nn.Conv2d(width, following, 3, padding=1, stride=stride), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def is_shared(key: str) -> bool:
    """Whether a weight is the denoiser's own: what brings in the noise level and the pooled text."""
    return key.startswith(_SHARED) or ".emb_layers." in key


def complete(
    stored: dict[str, torch.Tensor], model: dict[str, torch.Tensor], network: nn.Module
) -> dict[str, torch.Tensor]:
    """All weights of the class: those of the file, the denoiser's, and zeros."""
    return {
        key: _of_shape(stored[key] if key in stored else model[f"denoiser.{key}"], value.shape)
        for key, value in network.state_dict().items()
    }


def _of_shape(value: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    if value.shape == shape:
        return value
    whole = value.new_zeros(shape)
    whole[tuple(slice(extent) for extent in value.shape)] = value
    return whole
