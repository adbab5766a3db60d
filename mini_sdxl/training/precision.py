"""Where bfloat16 pays: on CUDA, and on processors with matrix tiles. Elsewhere it is slower than float32."""

import torch


def autocast(device: torch.device) -> torch.autocast:
    pays = device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_amx_tile_supported())
    return torch.autocast(device.type, torch.bfloat16, enabled=pays)
