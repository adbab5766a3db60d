"""LoRA files with random weights for the small models."""

import folder_paths
import torch
from safetensors.torch import save_file

RANK = 2


def save_lora(directory, name: str, model, clip, seed: int) -> str:
    """A LoRA of every attention projection of model and text encoders, where the host's loaders find it: its name."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for prefix, network in (("", model.model), ("text_encoders.", clip.cond_stage_model)):
        for key, parameter in network.state_dict().items():
            if not key.endswith(("to_q.weight", "to_k.weight", "to_v.weight", "q_proj.weight", "v_proj.weight")):
                continue
            layer = prefix + key.removesuffix(".weight")
            out_features, in_features = parameter.shape
            weights[f"{layer}.lora_up.weight"] = torch.randn(out_features, RANK, generator=generator)
            weights[f"{layer}.lora_down.weight"] = (
                torch.randn(RANK, in_features, generator=generator) / in_features**0.5
            )
            weights[f"{layer}.alpha"] = torch.tensor(float(RANK))
    save_file(weights, directory / name)
    folder_paths.add_model_folder_path("loras", str(directory))
    return name
