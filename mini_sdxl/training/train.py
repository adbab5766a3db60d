"""Reproduces the weights of the embedded model and of its judge from nothing. Every stage resumes where it stopped.

python -m mini_sdxl.training.train --comfyui DIR --icons DIR --folder DIR
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

STAGES = ("autoencoder", "latents", "denoiser", "judge", "export", "lora", "controlnet")
STICKERS = 3800  # scenes, of those of the latents


@dataclass(frozen=True)
class Plan:
    icons: Path
    folder: Path
    output: Path
    device: torch.device
    autoencoder_steps: int
    scenes: int
    denoiser_steps: int
    judge_steps: int
    lora_steps: int
    controlnet_steps: int
    initial: Path | None

    @property
    def model(self) -> Path:
        """What LoRA and ControlNet are trained for."""
        return self.output / "mini_sdxl.safetensors"


def load_host(comfyui: Path, device: torch.device) -> None:
    """Makes ``comfy`` importable, in the mode the device asks for."""
    sys.path.insert(0, str(comfyui))
    sys.argv = [sys.argv[0], "--use-pytorch-cross-attention", *(["--cpu"] if device.type == "cpu" else [])]
    import comfy.options

    comfy.options.enable_args_parsing()


def autoencoder(plan: Plan) -> None:
    path = plan.folder / "autoencoder.pt"
    if plan.initial is not None and not path.exists():
        from .export import autoencoder_of

        plan.folder.mkdir(parents=True, exist_ok=True)
        torch.save(autoencoder_of(plan.initial), path)
    if plan.initial is not None:
        return
    from .scenes import Studio
    from .train_autoencoder import train

    train(Studio(plan.icons), plan.folder, plan.autoencoder_steps, plan.device)


def latents(plan: Plan) -> None:
    import comfy.sdxl_clip

    from . import latents as stage
    from .scenes import Studio

    tokenizer = comfy.sdxl_clip.SDXLTokenizer()
    path = plan.folder / "latents.pt"
    stage.make(Studio(plan.icons), trained_encoder(plan), tokenizer, plan.scenes, path, plan.device)


def trained_encoder(plan: Plan) -> torch.nn.Module:
    from ..autoencoder import encoder

    network = encoder()
    network.load_state_dict(torch.load(plan.folder / "autoencoder.pt", weights_only=True)["encoder"])
    return network.to(plan.device, memory_format=torch.channels_last)


def denoiser(plan: Plan) -> None:
    from .train_denoiser import train

    train(plan.folder / "latents.pt", plan.folder, plan.denoiser_steps, plan.device, plan.initial)


def judge(plan: Plan) -> None:
    from .scenes import Studio
    from .train_judge import train

    train(Studio(plan.icons), plan.folder, plan.judge_steps, plan.device)


def export(plan: Plan) -> None:
    from .export import write

    write(plan.folder, plan.output)


def lora(plan: Plan) -> None:
    from . import stickers
    from .scenes import Studio
    from .train_lora import train

    drawn = torch.load(plan.folder / "latents.pt", weights_only=True)
    path = plan.folder / "stickers.pt"
    stickers.make(Studio(plan.icons), trained_encoder(plan), min(STICKERS, plan.scenes), drawn, path, plan.device)
    train(plan.folder, plan.model, plan.output / "mini_lora.safetensors", plan.lora_steps, plan.device)


def controlnet(plan: Plan) -> None:
    from . import silhouettes
    from .scenes import Studio
    from .train_controlnet import train

    silhouettes.make(Studio(plan.icons), plan.scenes, plan.folder / "silhouettes.pt")
    output = plan.output / "mini_controlnet.safetensors"
    train(plan.folder, plan.model, output, plan.controlnet_steps, plan.device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comfyui", type=Path, required=True, help="a ComfyUI checkout")
    parser.add_argument("--icons", type=Path, required=True, help="the unpacked npm package emoji-datasource-google")
    parser.add_argument("--folder", type=Path, required=True, help="where checkpoints are kept")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent.parent / "weights")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--autoencoder-steps", type=int, default=2600)
    parser.add_argument("--scenes", type=int, default=24000)
    parser.add_argument("--denoiser-steps", type=int, default=5800)
    parser.add_argument("--judge-steps", type=int, default=1500)
    parser.add_argument("--lora-steps", type=int, default=500)
    parser.add_argument("--controlnet-steps", type=int, default=1100)
    parser.add_argument(
        "--initial", type=Path, help="go on from these weights: keeps their autoencoder, trains the denoiser further"
    )
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    options = parser.parse_args()
    plan = Plan(
        options.icons,
        options.folder,
        options.output,
        torch.device(options.device),
        options.autoencoder_steps,
        options.scenes,
        options.denoiser_steps,
        options.judge_steps,
        options.lora_steps,
        options.controlnet_steps,
        options.initial,
    )
    load_host(options.comfyui, plan.device)
    for stage in STAGES:
        if stage in options.stages:
            globals()[stage](plan)


if __name__ == "__main__":
    main()
