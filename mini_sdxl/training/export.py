"""Writes the trained networks as the two small files that ship with the pack."""

from pathlib import Path

import torch
from safetensors.torch import save_file


def write(folder: Path, output: Path) -> None:
    """``mini_sdxl.safetensors`` (fp16: averaged denoiser, text encoders, autoencoder) and ``judge.safetensors``."""
    output.mkdir(parents=True, exist_ok=True)
    save_file(model_state(folder), output / "mini_sdxl.safetensors", metadata={"format": "1"})
    judge = torch.load(folder / "judge.pt", weights_only=True)["judge"]
    save_file({key: _half(value) for key, value in judge.items()}, output / "judge.safetensors")


def model_state(folder: Path) -> dict[str, torch.Tensor]:
    average = torch.load(folder / "denoiser.pt", weights_only=True)["average"]
    autoencoder = torch.load(folder / "autoencoder.pt", weights_only=True)
    vocabulary = torch.load(folder / "latents.pt", weights_only=True)["vocabulary"]
    state = {"vocabulary": torch.tensor(vocabulary, dtype=torch.int32)}
    for key, value in average.items():
        part, _, name = key.partition(".")
        if part == "0":
            state[f"denoiser.{name}"] = _half(value)
        elif ".transformer." in name:
            encoder, _, rest = name.partition(".transformer.")
            state[f"{encoder}.{rest}"] = _half(value)
    for part in ("encoder", "decoder"):
        for key, value in autoencoder[part].items():
            state[f"taesd_{part}.{key}"] = _half(value)
    return state


def _half(value: torch.Tensor) -> torch.Tensor:
    return value.half().contiguous() if value.is_floating_point() else value.contiguous()
