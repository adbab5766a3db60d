"""Measures the shipped model with the judge: does it draw what the prompt says, do its words look where they should?

python -m mini_sdxl.training.evaluate --comfyui DIR --icons DIR [--pictures FILE]
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from ..judge import load_judge
from ..vocabulary import BACKGROUNDS, COLOURS, OBJECTS, caption, object_phrase
from .train import load_host

STEPS, CFG, SAMPLER, SCHEDULER = 20, 5.0, "euler", "normal"
ROWS = 32


def prompts(count: int) -> list[tuple[str, int, int, int]]:
    """(text, object, colour or −1 for its own, background) numbers, in a fixed random order."""
    rng = np.random.default_rng(11)
    chosen = []
    for _ in range(count):
        name, background = int(rng.integers(len(OBJECTS))), int(rng.integers(len(BACKGROUNDS)))
        colour = -1 if rng.random() < 0.25 else int(rng.integers(len(COLOURS)))
        phrase = object_phrase(OBJECTS[name], None if colour < 0 else COLOURS[colour])
        chosen.append((caption((phrase,), BACKGROUNDS[background]), name, colour, background))
    return chosen


@torch.inference_mode()
def sample(model, clip, vae, texts: list[str], seed: int, control: tuple | None = None) -> torch.Tensor:
    """(n, 128, 128, 3) pictures, as CLIPTextEncode, KSampler and VAEDecode make them; a prompt per row.

    ``control``: a CONTROL_NET, its pictures (n, 128, 128, 3) and its strength, as Apply ControlNet takes them.
    """
    import comfy.sample

    encoded = [clip.encode_from_tokens(clip.tokenize(text), return_pooled=True) for text in [*texts, ""]]
    cond, pooled = (torch.cat(parts) for parts in zip(*encoded, strict=True))
    latent = torch.zeros(len(texts), 4, 16, 16)
    guidance = {} if control is None else _guidance(*control)
    samples = comfy.sample.sample(
        model,
        comfy.sample.prepare_noise(latent, seed),
        STEPS,
        CFG,
        SAMPLER,
        SCHEDULER,
        [[cond[:-1], {"pooled_output": pooled[:-1], **guidance}]],
        [[cond[-1:], {"pooled_output": pooled[-1:], **guidance}]],
        latent,
        seed=seed,
        disable_pbar=True,
    )
    return vae.decode(samples)


def _guidance(control, pictures: torch.Tensor, strength: float) -> dict:
    """What Apply ControlNet adds to a conditioning; nothing at strength 0."""
    if strength == 0:
        return {}
    hint = pictures.movedim(-1, 1)
    return {"control": control.copy().set_cond_hint(hint, strength, (0.0, 1.0)), "control_apply_to_uncond": False}


def faithfulness(model, clip, vae, judge, count: int = 256) -> tuple[dict, torch.Tensor]:
    """Shares of plain samples in which the judge sees the named object, colour and background; the pictures."""
    wanted, pictures = prompts(count), []
    for start in range(0, count, ROWS):
        pictures.append(sample(model, clip, vae, [text for text, *_ in wanted[start : start + ROWS]], seed=start))
    images = torch.cat(pictures)
    verdict = judge(images)
    natural = 1 - verdict.colour_probability.sum(1, keepdim=True)
    colours = torch.cat([natural, verdict.colour_probability], 1).argmax(1) - 1
    names, tints, backgrounds = (torch.tensor(numbers) for numbers in list(zip(*wanted, strict=True))[1:])
    named = tints >= 0
    shares = {
        "object": (verdict.object_probability.argmax(1) == names).float().mean(),
        "colour": (colours == tints)[named].float().mean(),
        "background": (verdict.background_probability.argmax(1) == backgrounds).float().mean(),
    }
    by_object = {
        name: (verdict.object_probability.argmax(1) == names)[names == number].float().mean()
        for number, name in enumerate(OBJECTS)
    }
    return {**_rounded(shares), "by_object": _rounded(by_object)}, images


@torch.inference_mode()
def localisation(model, clip, vae, studio, count: int = 48, time: int = 500) -> dict:
    """AUC of the noun's cross-attention against the true mask on noised rendered scenes, per grid and together."""
    rng = np.random.default_rng(12)
    scenes = [studio.compose(rng, pair=0.0) for _ in range(count)]
    drawn = [studio.draw(scene, rng) for scene in scenes]
    masks = torch.from_numpy(np.stack([mask[0] for _, mask in drawn])).float()
    images = torch.from_numpy(np.stack([picture for picture, _ in drawn])).float() / 255
    texts = [scene.caption for scene in scenes]
    maps = noun_maps(model, clip, vae.encode(images), texts, [scene.objects[0].name for scene in scenes], time)
    result = {}
    for grid, values in maps.items():
        true = torch.nn.functional.adaptive_avg_pool2d(masks[:, None], grid)[:, 0] > 0.5
        scores = [_auc(value[mask], value[~mask]) for value, mask in zip(values, true, strict=True) if mask.any()]
        result[f"{grid[0]}x{grid[1]}"] = torch.stack(scores).mean()
    return _rounded(result)


def noun_maps(model, clip, latents, texts, names, time: int) -> dict[tuple[int, int], torch.Tensor]:
    """(pictures, h, w) per grid: the noun's map at one noise level, averaged over heads and layers."""
    import comfy.model_management
    import comfy.sampler_helpers

    comfy.model_management.load_models_gpu([model])
    base, device = model.model, model.load_device
    sigma = base.model_sampling.sigmas[time].to(device)
    clean = base.process_latent_in(latents).to(device)
    noisy = clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).to(device)
    encoded = [clip.encode_from_tokens(clip.tokenize(text), return_pooled=True) for text in texts]
    cond, pooled = (torch.cat(parts).to(device) for parts in zip(*encoded, strict=True))
    chosen = [_noun_positions(clip, text, name) for text, name in zip(texts, names, strict=True)]
    found: dict[tuple[int, int], list[torch.Tensor]] = {}

    def keep(q, k, v, options):
        heads = options["n_heads"]
        queries, keys = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k))
        weights = (queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5).softmax(-1)
        grid = tuple(options["activations_shape"][-2:])
        noun = torch.stack([w[..., places].sum(-1).mean(0) for w, places in zip(weights, chosen, strict=True)])
        found.setdefault(grid, []).append(noun.unflatten(-1, grid).float())
        values = v.unflatten(-1, (heads, -1)).transpose(1, 2)
        return (weights @ values).transpose(1, 2).flatten(2)

    blocks = (("input", 1), ("input", 3), ("middle", 0), ("output", 0), ("output", 1), ("output", 2))
    options = {"patches_replace": {"attn2": {(name, number, 0): keep for name, number in blocks}}}
    vector = base.encode_adm(pooled_output=pooled, width=128, height=128, device=device)
    base.apply_model(noisy, sigma.expand(len(noisy)), c_crossattn=cond, y=vector, transformer_options=options)
    return {grid: torch.stack(maps).mean(0) for grid, maps in found.items()}


def _noun_positions(clip, text: str, name: str) -> list[int]:
    """Where the tokens of ``name`` stand in the tokens of ``text``."""
    tokens, noun = ([int(token) for token, _ in clip.tokenize(part)["l"][0]] for part in (text, name))
    noun = noun[1 : noun.index(noun[-1])]
    starts = [at for at in range(len(tokens)) if tokens[at : at + len(noun)] == noun]
    return list(range(starts[0], starts[0] + len(noun)))


def _auc(inside: torch.Tensor, outside: torch.Tensor) -> torch.Tensor:
    """Probability that a place inside the object has the larger value."""
    return (inside[:, None] > outside[None]).float().mean()


def _rounded(values: dict) -> dict:
    return {name: round(float(value), 4) for name, value in values.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comfyui", type=Path, required=True)
    parser.add_argument("--icons", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--pictures", type=Path, help="write a sheet of the first 40 samples")
    options = parser.parse_args()
    load_host(options.comfyui, torch.device(options.device))
    from ..builder import load
    from .scenes import Studio

    judge, (model, clip, vae) = load_judge(), load()
    shares, images = faithfulness(model, clip, vae, judge, options.count)
    figures = {"samples": shares, "noun AUC at t=500": localisation(model, clip, vae, Studio(options.icons))}
    print(json.dumps(figures, indent=1))
    if options.pictures:
        from PIL import Image

        rows = [torch.cat(list(images[start : start + 8]), 1) for start in range(0, 40, 8)]
        Image.fromarray((torch.cat(rows) * 255).byte().cpu().numpy()).save(options.pictures)
        verdict = judge(images[:40])
        for number, (text, *_) in enumerate(prompts(40)):
            seen = OBJECTS[int(verdict.object_probability[number].argmax())]
            ground = BACKGROUNDS[int(verdict.background_probability[number].argmax())]
            print(f"{number // 8 + 1}.{number % 8 + 1} {text}: {seen}, {ground}")


if __name__ == "__main__":
    main()
