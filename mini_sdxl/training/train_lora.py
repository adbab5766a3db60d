"""Trains a LoRA of a style: low-rank changes of every linear layer of the denoiser's transformers.

The file has the names that kohya's trainer gives SDXL's layers, which the host and other programs load.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from .checkpoint import Checkpoint, Progress
from .precision import autocast
from .train_denoiser import Batches, loss_of, rate, trained_networks

RANK = 8
LEARNING_RATE = 2e-3


class LowRank(nn.Module):
    """What is added to a linear layer: ``up @ down @ x``, nothing at first."""

    def __init__(self, layer: nn.Linear):
        super().__init__()
        self.down = nn.Linear(layer.in_features, RANK, bias=False)
        self.up = nn.Linear(RANK, layer.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def added(self, layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        return output + self.up(self.down(inputs[0]))


def attach(denoiser: nn.Module) -> nn.ModuleDict:
    """Adds to the linear layers of all transformers; by their names in the file."""
    torch.manual_seed(6)
    added = nn.ModuleDict()
    for name, layer in denoiser.named_modules():
        if isinstance(layer, nn.Linear) and (".transformer_blocks." in name or name.endswith(("proj_in", "proj_out"))):
            low_rank = LowRank(layer)
            layer.register_forward_hook(low_rank.added)
            added[f"lora_unet_{name.replace('.', '_')}"] = low_rank
    return added


def stored(added: nn.ModuleDict) -> dict[str, torch.Tensor]:
    """What the file holds, in fp16."""
    state = {}
    for name, low_rank in added.items():
        state[f"{name}.lora_down.weight"] = low_rank.down.weight.detach().half().contiguous()
        state[f"{name}.lora_up.weight"] = low_rank.up.weight.detach().half().contiguous()
        state[f"{name}.alpha"] = torch.tensor(float(RANK)).half()
    return state


def train(folder: Path, weights: Path, output: Path, steps: int, device: torch.device) -> None:
    """Trains to ``steps``, from the checkpoint in ``folder`` if there is one; writes the file ``output``."""
    data = torch.load(folder / "stickers.pt", weights_only=True)
    networks = trained_networks(weights, data["vocabulary"], device)
    added = attach(networks.base.diffusion_model).to(device)
    optimizer = torch.optim.AdamW(added.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    checkpoint = Checkpoint(folder / "lora.pt", added=added, optimizer=optimizer)
    first = checkpoint.restore()
    batches, noise = Batches(data, device, 9000 + first), torch.Generator().manual_seed(10000 + first)
    progress = Progress("lora", steps, first)
    for step in range(first, steps):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate(step, steps)
        with autocast(device):
            loss = loss_of(networks, batches, noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(added.parameters(), 1.0)
        optimizer.step()
        progress.update(step + 1, loss)
        if (step + 1) % 50 == 0 or step + 1 == steps:
            checkpoint.save(step + 1)
    save_file(stored(added), output, metadata={"format": "1"})
