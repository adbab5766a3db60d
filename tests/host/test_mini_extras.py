"""The embedded model's LoRA and ControlNet: they do what they say, and go together with an edit."""

import pytest
import torch
from p2p.mini_sdxl.control import WEIGHTS as CONTROLNET_WEIGHTS
from p2p.mini_sdxl.judge import load_judge
from p2p.mini_sdxl.lora import WEIGHTS as LORA_WEIGHTS
from p2p.mini_sdxl.training.evaluate_extras import centres, white_share
from p2p.mini_sdxl.vocabulary import COLOURS, OBJECTS
from p2p.nodes.mini_extras import P2PMiniControlNet, P2PMiniLora
from p2p.nodes.mini_sdxl import P2PMiniSDXL
from safetensors.torch import load_file

import nodes as host_nodes

from .graph import applied, empty_latent, outputs, plain_text, relative, replace_controller, rows_of, sample, text

SOURCE, TARGET = "a red car on grass", "a blue car on grass"
PROMPTS = ["a red car on grass", "a cat on wood", "a blue house on sand", "a green star at night"]
RED, BLUE = COLOURS.index("red"), COLOURS.index("blue")
CORNERS = [(4, 4), (4, 64), (64, 4), (64, 64)]  # top, left of a square of 60 pixels


@pytest.fixture(scope="module")
def mini():
    with torch.inference_mode():
        return outputs(P2PMiniSDXL, precision="fp32")


@pytest.fixture(scope="module")
def judge():
    return load_judge()


@pytest.fixture(scope="module")
def control():
    with torch.inference_mode():
        return outputs(P2PMiniControlNet, precision="fp32")[0]


def pictures(vae, samples: torch.Tensor) -> torch.Tensor:
    return host_nodes.VAEDecode().decode(vae, {"samples": samples})[0]


def squares() -> torch.Tensor:
    """A white square in each corner, on black."""
    drawn = torch.zeros(len(CORNERS), 128, 128)
    for picture, (top, left) in zip(drawn, CORNERS, strict=True):
        picture[top : top + 60, left : left + 60] = 1
    return drawn


def controlled(positive, negative, control, shapes: torch.Tensor, strength: float = 1.0):
    """Apply ControlNet."""
    shown = shapes[..., None].expand(-1, -1, -1, 3)
    return host_nodes.ControlNetApplyAdvanced().apply_controlnet(positive, negative, control, shown, strength, 0.0, 1.0)


def distances(judge, images: torch.Tensor, shapes: torch.Tensor) -> torch.Tensor:
    """From the middle of what is drawn to the middle of the white, in pixels."""
    return (centres((judge(images).mask > 0.5).float()) - centres(shapes)).norm(dim=1)


def test_both_are_small():
    assert LORA_WEIGHTS.stat().st_size <= 500_000
    assert CONTROLNET_WEIGHTS.stat().st_size <= 4_000_000


class TestLora:
    def test_every_part_of_the_file_finds_its_layer(self, mini):
        layers = {key.split(".")[0] for key in load_file(LORA_WEIGHTS)}
        assert len(outputs(P2PMiniLora, model=mini[0], strength=1.0)[0].patches) == len(layers) == 72

    def test_at_strength_0_it_is_none(self, mini):
        model, clip, _ = mini
        conditions = text(clip, SOURCE), plain_text(clip, ""), empty_latent()
        without = sample(outputs(P2PMiniLora, model=model, strength=0.0)[0], *conditions)
        assert torch.equal(without, sample(model, *conditions))

    def test_it_gives_the_objects_a_white_border(self, mini, judge):
        model, clip, vae = mini
        positive = rows_of(*(text(clip, prompt) for prompt in PROMPTS))
        conditions = positive, plain_text(clip, ""), empty_latent(batch=len(PROMPTS))
        plain, half, full = (
            pictures(vae, sample(outputs(P2PMiniLora, model=model, strength=strength)[0], *conditions, steps=12))
            for strength in (0.0, 0.5, 1.0)
        )
        assert white_share(plain) <= white_share(half) < white_share(full)
        assert white_share(full) > white_share(plain) + 0.02
        wanted = torch.tensor(
            [OBJECTS.index(prompt.split(" on ")[0].split(" at ")[0].split()[-1]) for prompt in PROMPTS]
        )
        assert torch.equal(judge(full).object_probability.argmax(1), wanted)

    def test_the_model_it_was_given_stays_as_it_was(self, mini):
        model, clip, _ = mini
        conditions = text(clip, SOURCE), plain_text(clip, ""), empty_latent()
        before = sample(model, *conditions)
        styled = sample(outputs(P2PMiniLora, model=model, strength=1.0)[0], *conditions)
        assert relative(styled, before) > 0.1
        assert torch.equal(sample(model, *conditions), before)

    def test_an_edit_has_the_source_of_the_plain_run(self, mini):
        model, clip, _ = mini
        styled = outputs(P2PMiniLora, model=model, strength=1.0)[0]
        edited = sample(*applied(styled, clip, replace_controller(clip, SOURCE, TARGET)))
        alone = sample(styled, text(clip, SOURCE), plain_text(clip, ""), empty_latent())
        assert relative(edited[:1], alone) < 1e-5
        assert relative(edited[1:], alone) > 0.05


class TestControlNet:
    """Measured over 96 prompts in mini_sdxl/README.md; here four, a corner each."""

    def test_the_object_is_where_the_white_is(self, mini, judge, control):
        model, clip, vae = mini
        shapes, negative = squares(), plain_text(clip, "")
        positive = rows_of(*(text(clip, prompt) for prompt in PROMPTS))
        latent = empty_latent(batch=len(PROMPTS))
        free, *guided = (
            pictures(vae, sample(model, *controlled(positive, negative, control, shapes, strength), latent, steps=12))
            for strength in (0.0, 0.5, 1.0)
        )
        apart = distances(judge, free, shapes).mean()
        half, full = (distances(judge, images, shapes).mean() for images in guided)
        assert full < 0.4 * apart
        assert full <= half < apart
        assert full < 10

    def test_in_an_edit_too(self, mini, judge, control):
        """A corner for each of four sources, and the same one for what becomes of it."""
        model, clip, vae = mini
        latent, negative = empty_latent(batch=len(CORNERS)), plain_text(clip, "")
        patched, positive, _, rows = applied(model, clip, replace_controller(clip, SOURCE, TARGET), latent)
        shapes = squares().repeat_interleave(2, 0)
        edited = sample(patched, *controlled(positive, negative, control, shapes), rows, steps=12)
        alone = sample(model, *controlled(text(clip, SOURCE), negative, control, squares()), latent, steps=12)
        assert relative(edited[0::2], alone) < 1e-5

        free = pictures(vae, sample(model, text(clip, SOURCE), negative, latent, steps=12))
        guided = pictures(vae, edited)
        apart = distances(judge, guided, shapes).unflatten(0, (-1, 2)).mean(0)  # of the sources, of the targets
        assert apart.max() < 0.4 * distances(judge, free, squares()).mean()
        assert judge(guided).colour_probability.argmax(1).tolist() == [RED, BLUE] * len(CORNERS)

    def test_half_precision_draws_the_same(self, mini, control):
        model, clip, vae = mini
        half = outputs(P2PMiniControlNet, precision="fp16")[0]
        conditions = text(clip, SOURCE), plain_text(clip, "")
        first, second = (
            pictures(vae, sample(model, *controlled(*conditions, network, squares()[:1]), empty_latent()))
            for network in (control, half)
        )
        assert float((first - second).abs().mean()) < 0.02
