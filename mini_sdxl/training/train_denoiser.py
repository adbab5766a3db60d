"""Trains the denoiser and both text encoders together, in ComfyUI's own classes.

Noise prediction with min-SNR-5 weights (Hang et al. 2023), an exponential moving average of the weights, and
dropouts that put a caption's content into its word tokens, where Prompt-to-Prompt looks for it.
"""

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ..architecture import denoiser, text_encoders
from .checkpoint import Checkpoint, Progress
from .export import initialise_from
from .precision import autocast
from .text import Tokens, encode, initialise, prepare_for_training

BATCH = 32
LEARNING_RATE = 1e-3
DROP_CAPTION, DROP_PADDING, DROP_POOLED, UNKNOWN_WORD, LARGE_SIZES = 0.10, 0.75, 0.60, 0.015, 0.15


@dataclass(frozen=True)
class Networks:
    base: object  # comfy.model_base.SDXL
    clip: nn.Module  # comfy.sdxl_clip.SDXLClipModel

    def modules(self) -> nn.ModuleList:
        return nn.ModuleList([self.base.diffusion_model, self.clip])


def new_networks(vocabulary: list[int], device: torch.device) -> Networks:
    torch.manual_seed(1)
    base = denoiser(torch.device("cpu"))
    initialise(base.diffusion_model)
    for name, module in base.diffusion_model.named_modules():
        if name.endswith(("out_layers.3", "proj_out")) or name == "out.2":
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
    clip = text_encoders(dtype=torch.float32, initial_device=torch.device("cpu")).cond_stage_model
    tokens = Tokens.__new__(Tokens)
    tokens.vocabulary = vocabulary
    prepare_for_training(clip, tokens)
    base.diffusion_model.requires_grad_(True)
    return Networks(base.to(device), clip.to(device))


def trained_networks(weights: Path, vocabulary: list[int], device: torch.device) -> Networks:
    """The networks of a written file, which are not trained any further."""
    networks = new_networks(vocabulary, device)
    initialise_from(weights, networks.modules(), vocabulary)
    networks.modules().requires_grad_(False)
    networks.base.diffusion_model.to(memory_format=torch.channels_last)
    return networks


def plain_attention(function, q, k, v, heads, *positional, **named):
    """Attention as two matrix products: on a CPU its backward pass is much faster than the fused kernel's."""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2).contiguous() for x in (q, k, v))
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


class Batches:
    """Random minibatches; one in ten is wide or tall."""

    def __init__(self, data: dict, device: torch.device, seed: int, size: int = BATCH):
        self.data, self.device, self.size = data, device, size
        self.generator = torch.Generator().manual_seed(seed)

    def random(self, count: int) -> torch.Tensor:
        return torch.rand(count, generator=self.generator)

    def next(self):
        """Latents, token numbers (n, 2, 77) and the positions of the end tokens of a random minibatch."""
        return self.rows(*self.choose())

    def choose(self) -> tuple[str, torch.Tensor]:
        """A shelf and the places of a minibatch on it."""
        draw = float(self.random(1))
        shape = "wide" if draw < 0.05 else "tall" if draw < 0.10 else "square"
        return shape, torch.randint(len(self.data["shelves"][shape]["latents"]), (self.size,), generator=self.generator)

    def rows(self, shape: str, index: torch.Tensor):
        shelf = self.data["shelves"][shape]
        numbers, ends = shelf["numbers"][index].clone(), shelf["ends"][index].clone()
        dropped = self.random(self.size) < DROP_CAPTION
        numbers[dropped], ends[dropped] = self.data["empty"], self.data["empty_end"]
        unknown = torch.rand(numbers[:, :1].shape, generator=self.generator) < UNKNOWN_WORD
        inside = torch.arange(numbers.shape[-1]) < ends[:, None]
        inside[:, 0] = False
        numbers[(unknown & inside[:, None]).expand_as(numbers)] = 0
        return shelf["latents"][index].to(self.device).float(), numbers.to(self.device), ends.to(self.device)


def conditioning(networks: Networks, batches: Batches, numbers, ends, height: int, width: int):
    """Context (b, 77, c) and the SDXL vector (b, 1600) with the dropouts applied."""
    count, device = len(numbers), numbers.device
    empty = batches.data["empty"].to(device)[None]
    every, every_end = torch.cat([numbers, empty]), torch.cat([ends, ends.new_tensor([batches.data["empty_end"]])])
    context, pooled = encode(networks.clip, every, every_end)
    after_end = torch.arange(context.shape[1], device=device) > ends[:, None]
    drop = (batches.random(count) < DROP_PADDING).to(device)
    context = torch.where((after_end & drop[:, None])[..., None], context[-1:], context[:-1])
    drop = (batches.random(count) < DROP_POOLED).to(device)
    pooled = torch.where(drop[:, None], pooled[-1:], pooled[:-1])
    large = (batches.random(count) < LARGE_SIZES).to(device)
    sizes = [torch.where(large, 1024, value) for value in (height, width)]
    values = torch.stack([*sizes, torch.zeros_like(sizes[0]), torch.zeros_like(sizes[0]), *sizes], 1)
    embedded = networks.base.embedder(values.flatten().float()).view(count, -1)
    return context, torch.cat([pooled, embedded.to(pooled)], 1)


@dataclass(frozen=True)
class Noised:
    """Latents at random noise levels, as the denoiser reads them, and what it is to predict."""

    noisy: torch.Tensor
    noise: torch.Tensor
    time: torch.Tensor
    sigma: torch.Tensor

    def error(self, predicted: torch.Tensor) -> torch.Tensor:
        """The mean squared error with min-SNR-5 weights."""
        return (self._min_snr() * self._squared(predicted)).mean()

    def error_of_layout(self, predicted: torch.Tensor) -> torch.Tensor:
        """The same with more weight on strong noise, where the layout is decided and the noise is easily predicted."""
        return (self._min_snr() * self.sigma[:, 0, 0, 0].clamp(1, 5) * self._squared(predicted)).mean()

    def _min_snr(self) -> torch.Tensor:
        return (5 * self.sigma[:, 0, 0, 0] ** 2).clamp(max=1)

    def _squared(self, predicted: torch.Tensor) -> torch.Tensor:
        return (predicted.float() - self.noise).square().mean((1, 2, 3))


def noised(base, latents: torch.Tensor, time: torch.Tensor, step_noise: torch.Generator) -> Noised:
    noise = torch.randn(latents.shape, generator=step_noise).to(latents.device)
    time = time.to(latents.device)
    sigma = base.model_sampling.sigmas.to(latents.device)[time][:, None, None, None]
    noisy = (latents + sigma * noise) / (sigma**2 + 1).sqrt()
    return Noised(noisy.contiguous(memory_format=torch.channels_last), noise, time, sigma)


def predicted_noise(base, at: Noised, context: torch.Tensor, vector: torch.Tensor, control: dict | None = None):
    """``control``: what a ControlNet adds."""
    return base.diffusion_model(
        at.noisy,
        at.time.float(),
        context=context,
        y=vector,
        control=control,
        transformer_options={"optimized_attention_override": plain_attention},
    )


def loss_of(networks: Networks, batches: Batches, step_noise: torch.Generator) -> torch.Tensor:
    latents, numbers, ends = batches.next()
    context, vector = conditioning(networks, batches, numbers, ends, latents.shape[-2] * 8, latents.shape[-1] * 8)
    levels = len(networks.base.model_sampling.sigmas)
    at = noised(networks.base, latents, torch.randint(levels, (len(latents),), generator=step_noise), step_noise)
    return at.error(predicted_noise(networks.base, at, context, vector))


def rate(step: int, steps: int, warm_up: int = 200) -> float:
    """Warm-up, constant for the first 60 %, then a cosine to 2 %."""
    tail = max(0.0, (step / steps - 0.6) / 0.4)
    cosine = 0.02 + 0.98 * (0.5 + 0.5 * torch.cos(torch.tensor(torch.pi * min(tail, 1.0))).item())
    return min((step + 1) / warm_up, cosine)


def train(data_file: Path, folder: Path, steps: int, device: torch.device, initial: Path | None = None) -> None:
    """Trains to ``steps``, from the checkpoint in ``folder`` if there is one, else from the weights ``initial``."""
    data = torch.load(data_file, weights_only=True)
    networks = new_networks(data["vocabulary"], device)
    networks.base.diffusion_model.to(memory_format=torch.channels_last)
    modules = networks.modules()
    if initial is not None:
        initialise_from(initial, modules, data["vocabulary"])
    average = copy.deepcopy(modules)
    parameters = [p for p in modules.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01, foreach=True)
    checkpoint = Checkpoint(folder / "denoiser.pt", networks=modules, average=average, optimizer=optimizer)
    first = checkpoint.restore()
    batches, step_noise = Batches(data, device, 3000 + first), torch.Generator().manual_seed(4000 + first)
    pairs = [(a, b) for a, b in zip(average.parameters(), modules.parameters(), strict=True) if b.requires_grad]
    averaged, current = [a for a, _ in pairs], [b for _, b in pairs]
    progress = Progress("denoiser", steps, first)
    for step in range(first, steps):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate(step, steps)
        with autocast(device):
            loss = loss_of(networks, batches, step_noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()
        with torch.no_grad():
            decay = min(0.999, (step + 1) / (step + 20))
            torch._foreach_lerp_(averaged, current, 1 - decay)
        progress.update(step + 1, loss)
        if (step + 1) % 100 == 0:
            checkpoint.save(step + 1)
    checkpoint.save(steps)
