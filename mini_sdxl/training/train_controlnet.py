"""Trains the ControlNet: the denoiser and the text encoders stay as they are.

It starts as a copy of the denoiser's encoder whose outputs are zero (Zhang et al. 2023). High noise levels, where a
picture's layout is decided, are seen more often.
"""

import copy
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ..control import HINT, control_network, hint_network, is_shared
from .checkpoint import Checkpoint, Progress
from .precision import autocast
from .silhouettes import control_pictures, unpack
from .text import initialise
from .train_denoiser import Batches, Networks, conditioning, noised, predicted_noise, rate, trained_networks

LEARNING_RATE, OF_THE_COPY = 1.5e-3, 0.3  # the copied encoder learns at a share of the rate
BATCH, WARM_UP, AVERAGE = 16, 50, 0.995


def new_network(weights: Path, device: torch.device) -> nn.Module:
    """ComfyUI's class with a narrow reader of the control picture; only what is stored is trained."""
    torch.manual_seed(5)
    network = control_network()
    reader = hint_network()
    for layer, narrow in zip(list(network.input_hint_block), reader, strict=True):
        if isinstance(layer, nn.Conv2d):
            layer.weight, layer.bias = narrow.weight, narrow.bias
    initialise(network.zero_convs)
    initialise(network.middle_block_out)
    for parameter in (*network.zero_convs.parameters(), *network.middle_block_out.parameters()):
        nn.init.zeros_(parameter)
    encoder = {
        key.removeprefix("denoiser."): value.float()
        for key, value in load_file(weights).items()
        if key.startswith("denoiser.")
    }
    own = network.state_dict()
    network.load_state_dict({key: value for key, value in encoder.items() if key in own}, strict=False)
    for key, parameter in network.named_parameters():
        parameter.requires_grad_(not is_shared(key))
    return network.to(device, memory_format=torch.channels_last)


def stored(network: nn.Module) -> dict[str, torch.Tensor]:
    """What the file holds, in fp16."""
    return {key: value.half().contiguous() for key, value in network.state_dict().items() if not is_shared(key)}


def loss_of(
    networks: Networks, network: nn.Module, batches: Batches, masks: dict[str, torch.Tensor], noise: torch.Generator
) -> torch.Tensor:
    shape, index = batches.choose()
    latents, numbers, ends = batches.rows(shape, index)
    pictures = control_pictures(unpack(masks[shape][index]), noise).to(latents.device)
    with torch.no_grad():
        context, vector = conditioning(networks, batches, numbers, ends, latents.shape[-2] * 8, latents.shape[-1] * 8)
    levels = len(networks.base.model_sampling.sigmas)
    time = (levels * torch.rand(len(latents), generator=noise).sqrt()).long()
    at = noised(networks.base, latents, time, noise)
    added = network(at.noisy, pictures.contiguous(memory_format=torch.channels_last), at.time.float(), context, vector)
    return at.error_of_layout(predicted_noise(networks.base, at, context, vector, added))


def groups(network: nn.Module) -> list[dict]:
    fresh, copied = [], []
    for key, parameter in network.named_parameters():
        if parameter.requires_grad:
            is_new = key.startswith((HINT, "zero_convs.", "middle_block_out."))
            (fresh if is_new else copied).append(parameter)
    return [{"params": fresh, "share": 1.0}, {"params": copied, "share": OF_THE_COPY}]


def train(folder: Path, weights: Path, output: Path, steps: int, device: torch.device) -> None:
    """Trains to ``steps``, from the checkpoint in ``folder`` if there is one; writes the file ``output``."""
    data = torch.load(folder / "latents.pt", weights_only=True)
    masks = torch.load(folder / "silhouettes.pt", weights_only=True)
    networks = trained_networks(weights, data["vocabulary"], device)
    network = new_network(weights, device)
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(groups(network), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    checkpoint = Checkpoint(folder / "controlnet.pt", network=network, average=average, optimizer=optimizer)
    first = checkpoint.restore()
    batches, noise = Batches(data, device, 7000 + first, BATCH), torch.Generator().manual_seed(8000 + first)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    averaged = [a for a, b in zip(average.parameters(), network.parameters(), strict=True) if b.requires_grad]
    progress = Progress("controlnet", steps, first)
    for step in range(first, steps):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * group["share"] * rate(step, steps, WARM_UP)
        with autocast(device):
            loss = loss_of(networks, network, batches, masks, noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(averaged, trained, 1 - min(AVERAGE, (step + 1) / (step + 20)))
        progress.update(step + 1, loss)
        if (step + 1) % 100 == 0 or step + 1 == steps:
            checkpoint.save(step + 1)
    save_file(stored(average), output, metadata={"format": "1"})
