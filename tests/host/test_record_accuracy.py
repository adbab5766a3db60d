"""How near edits from a record come to those of the batch, in the pictures of the embedded model."""

import pytest
import torch

import nodes as host_nodes

from .graph import applied, empty_latent, outputs, plain_text, relative, sample, text
from .kinds import blended, following, refined
from .test_record import EXACT, replayed

SOURCE = "a photo of a cat on grass"
EDITS = {
    "replace": lambda clip: following(clip, source=SOURCE, target="a photo of a dog on grass"),
    "refine": lambda clip: refined(clip),
    "blend": lambda clip: blended(following(clip, source=SOURCE, target="a photo of a dog on grass")),
}
LEAST = {"fp16": 50.0, "int8": 40.0}  # dB


@pytest.fixture(scope="module")
def mini():
    with torch.inference_mode():
        from p2p.nodes.mini_sdxl import P2PMiniSDXL

        return outputs(P2PMiniSDXL, precision="fp32")


def psnr(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Per picture, of (b, h, w, c) in 0..1."""
    return -10 * (first - second).double().square().mean(dim=(1, 2, 3)).log10()


def accuracies(mini, name: str, pictures: int, steps: int) -> dict[str, float | torch.Tensor]:
    """Of fp32 the relative difference of latents, of the others the likeness of every picture, by precision."""
    from p2p.nodes.record import P2PRecord

    model, clip, vae = mini
    controller, latent = EDITS[name](clip), {**empty_latent(128, 128, pictures), "batch_index": [*range(pictures)]}
    records = {}
    recording = model
    for precision in ("fp32", "fp16", "int8"):  # of one run
        settings = {**EXACT, "precision": precision}
        recording, records[precision] = outputs(P2PRecord, model=recording, **settings)
    source = sample(recording, text(clip, SOURCE), plain_text(clip, ""), latent, steps=steps)
    both = sample(*applied(model, clip, controller, latent), steps=steps)[1::2]
    wanted = decoded(vae, both)
    found = {}
    for precision, record in records.items():
        made = replayed(model, clip, controller, record, source, steps=steps)
        found[precision] = relative(made, both) if precision == "fp32" else psnr(decoded(vae, made), wanted)
    assert float(psnr(decoded(vae, source), wanted).max()) < 30  # the edit is one
    return found


def decoded(vae, latents: torch.Tensor) -> torch.Tensor:
    return host_nodes.VAEDecode().decode(vae, {"samples": latents})[0]


@pytest.mark.parametrize("name", EDITS)
def test_edits_from_a_record_are_those_of_the_batch(mini, name):
    found = accuracies(mini, name, pictures=2, steps=6)
    assert found.pop("fp32") < 1e-5
    assert {precision: float(each.min()) for precision, each in found.items() if each.min() < LEAST[precision]} == {}
