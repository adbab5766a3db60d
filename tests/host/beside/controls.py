"""Small ControlNets and a T2I-Adapter with random weights."""

import comfy.cldm.cldm
import comfy.controlnet
import comfy.ops
import comfy.t2i_adapter.adapter
import torch

from ..tiny_models import SHAPES
from ..tiny_sdxl import SDXL, initialised

CPU = torch.device("cpu")


@torch.inference_mode()
def tiny_controlnet(seed: int) -> comfy.controlnet.ControlNet:
    """For the model ``small``."""
    without = ("out_channels", "transformer_depth_output", "use_temporal_attention")
    shape = {key: value for key, value in (SDXL | SHAPES["small"]).items() if key not in without}
    network = comfy.cldm.cldm.ControlNet(
        **shape, hint_channels=3, dtype=torch.float32, device=CPU, operations=comfy.ops.disable_weight_init
    )
    return comfy.controlnet.ControlNet(initialised(network, seed), load_device=CPU, extra_conds=["y"])


@torch.inference_mode()
def tiny_t2i_adapter() -> comfy.controlnet.T2IAdapter:
    network = comfy.t2i_adapter.adapter.Adapter(
        channels=[32, 64, 128, 128], nums_rb=1, cin=3 * 256, ksize=1, sk=True, use_conv=False, xl=True
    )
    return comfy.controlnet.T2IAdapter(initialised(network, 5), 3, 8, "nearest-exact", device=CPU)


def hint(seed: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 64, 64, 3, generator=torch.Generator().manual_seed(seed))
