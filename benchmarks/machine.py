"""What results say of the machine: its kind, and no more."""

import os
import platform

import torch


def kind(device: torch.device) -> str:
    """Such as "2-core x86_64 CPU" or the name of the GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{os.cpu_count()}-core {platform.machine()} CPU"


def short_name(device: torch.device) -> str:
    """The same for a folder."""
    if device.type == "cuda":
        return "-".join(kind(device).lower().split())
    return f"cpu-{os.cpu_count()}-cores"
