"""Writes the trained networks as the two small files that ship with the pack."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


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


def initialise_from(weights: Path, networks: torch.nn.Module, vocabulary: list[int]) -> None:
    """Starts denoiser and text encoders from a written file instead of from nothing."""
    state = load_file(weights)
    if state["vocabulary"].tolist() != vocabulary:
        raise ValueError(f"{weights} was trained on other words than the captions at hand: train from nothing.")
    loaded = {}
    for key, value in state.items():
        part, _, rest = key.partition(".")
        if part == "denoiser":
            loaded[f"0.{rest}"] = value.float()
        elif part in ("clip_l", "clip_g"):
            loaded[f"1.{part}.transformer.{rest}"] = value.float()
    missing, unexpected = networks.load_state_dict(loaded, strict=False)
    if unexpected or any(not key.endswith("logit_scale") for key in missing if key.startswith("1.")):
        raise ValueError(f"{weights} holds another model: {[*unexpected, *missing][:3]}.")


def autoencoder_of(weights: Path) -> dict[str, dict[str, torch.Tensor]]:
    """The encoder and decoder of a written file, as the autoencoder's checkpoint holds them."""
    state = load_file(weights)
    return {
        part: {
            key.removeprefix(f"taesd_{part}."): value.float()
            for key, value in state.items()
            if key.startswith(f"taesd_{part}.")
        }
        for part in ("encoder", "decoder")
    }


def _half(value: torch.Tensor) -> torch.Tensor:
    return value.half().contiguous() if value.is_floating_point() else value.contiguous()
