"""The embedded model: what stock nodes do with it, and that an edit means what it should."""

import comfy.cldm.cldm
import comfy.controlnet
import numpy as np
import pytest
import torch
from p2p.mini_sdxl.architecture import DENOISER, HEAD_WIDTH
from p2p.mini_sdxl.builder import WEIGHTS, load
from p2p.mini_sdxl.judge import load_judge
from p2p.mini_sdxl.training.backgrounds import PAINTERS
from p2p.mini_sdxl.vocabulary import COLOURS, OBJECTS
from safetensors.torch import save_file

import nodes as host_nodes

from .graph import applied, empty_latent, outputs, plain_text, relative, replace_controller, sample, text
from .tiny_sdxl import initialised


@pytest.fixture(scope="module")
def mini():
    with torch.inference_mode():
        from p2p.nodes.mini_sdxl import P2PMiniSDXL

        return outputs(P2PMiniSDXL, precision="fp32")


def pictures(vae, samples: torch.Tensor) -> torch.Tensor:
    return host_nodes.VAEDecode().decode(vae, {"samples": samples})[0]


def test_all_weights_together_are_at_most_20_mb():
    assert sum(file.stat().st_size for file in WEIGHTS.parent.iterdir()) <= 20_000_000


def test_the_vocabulary_has_names_of_several_tokens(mini):
    _, clip, _ = mini
    lengths = {name: sum(int(token) != 49407 for token, _ in clip.tokenize(name)["l"][0]) - 1 for name in OBJECTS}
    assert lengths["toadstool"] == 3
    assert lengths["sailboat"] == lengths["teddy bear"] == 2


def test_an_unknown_word_is_encoded_like_any_other_unknown_word(mini):
    _, clip, _ = mini
    first, second = (plain_text(clip, f"a {word} on grass")[0][0] for word in ("zebra", "violin"))
    assert torch.equal(first, second)


def test_the_autoencoder_gives_a_picture_back(mini):
    _, _, vae = mini
    scene = np.concatenate([PAINTERS[name](np.random.default_rng(0), 128)[:64] for name in ("sand", "water")])
    picture = torch.from_numpy(scene)[None].float()
    latent = host_nodes.VAEEncode().encode(vae, picture)[0]
    assert latent["samples"].shape == (1, 4, 16, 16)
    error = (pictures(vae, latent["samples"]) - picture).square().mean()
    assert -10 * torch.log10(error) > 25  # dB


def test_half_precision_samples_the_same_picture(mini):
    model, clip, vae = mini
    half = load("fp16")[0]
    positive, negative = text(clip, "a red car on grass"), plain_text(clip, "")
    full = pictures(vae, sample(model, positive, negative, empty_latent(), steps=10))
    assert float((pictures(vae, sample(half, positive, negative, empty_latent(), steps=10)) - full).abs().mean()) < 0.02


def test_other_sizes(mini):
    model, clip, vae = mini
    samples = sample(model, text(clip, "a cat on sand"), plain_text(clip, ""), empty_latent(160, 96))
    assert pictures(vae, samples).shape == (1, 96, 160, 3)


def test_a_lora_is_loaded_and_edits_stay_edits(mini, tmp_path):
    model, clip, _ = mini
    key = "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_v"
    generator = torch.Generator().manual_seed(0)
    up, down = (torch.randn(*shape, generator=generator) * 0.3 for shape in ((128, 4), (4, 128)))
    path = tmp_path / "test.safetensors"
    save_file({f"{key}.lora_up.weight": up, f"{key}.lora_down.weight": down, f"{key}.alpha": torch.tensor(4.0)}, path)
    lora = comfy.utils.load_torch_file(str(path), safe_load=True)
    with_lora, _ = comfy.sd.load_lora_for_models(model, None, lora, 1.0, 0.0)
    controller = replace_controller(clip, "a red car on grass", "a blue car on grass")
    plain, changed = (sample(*applied(m, clip, controller)) for m in (model, with_lora))
    assert relative(changed, plain) > 1e-3
    alone = sample(with_lora, text(clip, "a red car on grass"), plain_text(clip, ""), empty_latent())
    assert relative(changed[:1], alone) < 1e-5


def test_a_controlnet_on_either_side_of_p2p_apply(mini):
    model, clip, _ = mini
    network = comfy.cldm.cldm.ControlNet(
        **{key: value for key, value in DENOISER.items() if key not in ("transformer_depth_output", "out_channels")},
        hint_channels=3,
        num_head_channels=HEAD_WIDTH,
        dtype=torch.float32,
        device="cpu",
    )
    control = comfy.controlnet.ControlNet(initialised(network, 3), load_device=torch.device("cpu"))
    hint = torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(0))
    apply = host_nodes.ControlNetApplyAdvanced().apply_controlnet
    negative = plain_text(clip, "")
    controller = replace_controller(clip, "a red car on grass", "a blue car on grass")
    patched, positive, _, latent = applied(model, clip, controller)
    after = apply(positive, negative, control, hint, 0.3, 0.0, 0.6)
    plain = sample(patched, positive, negative, latent)
    controlled = sample(patched, *after, latent)
    assert relative(controlled, plain) > 1e-2

    from p2p.nodes.apply import P2PApply
    from p2p.nodes.replace import P2PReplaceController

    source, _ = apply(text(clip, "a red car on grass"), negative, control, hint, 0.3, 0.0, 0.6)
    settings = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": ""}
    early = outputs(P2PReplaceController, source=source, target=text(clip, "a blue car on grass"), **settings)[0]
    inputs = outputs(P2PApply, model=model, controller=early, negative=after[1], latent=empty_latent())
    assert relative(sample(*inputs), controlled) < 1e-5


class TestMeaning:
    """A colour swap, the clearest of edits: the car becomes blue and stays where it was."""

    SOURCE, TARGET, SEEDS = "a red car on grass", "a blue car on grass", 8

    @pytest.fixture(scope="class")
    def arms(self, mini):
        model, clip, vae = mini
        latent = empty_latent(batch=self.SEEDS)
        with torch.inference_mode():
            controller = replace_controller(clip, self.SOURCE, self.TARGET)
            edited = sample(*applied(model, clip, controller, latent), steps=20)
            plain = sample(model, text(clip, self.TARGET), plain_text(clip, ""), latent, steps=20)
            judge = load_judge()
            return [judge(pictures(vae, samples)) for samples in (edited[0::2], edited[1::2], plain)]

    def test_the_car_is_blue(self, arms):
        _, edited, _ = arms
        assert (edited.colour_probability.argmax(1) == COLOURS.index("blue")).float().mean() >= 0.75

    def test_it_stays_in_its_place_as_it_would_not_without_the_edit(self, arms):
        def overlap(first, second):
            a, b = first.mask > 0.5, second.mask > 0.5
            return ((a & b).sum((1, 2)) / (a | b).sum((1, 2))).mean()

        source, edited, plain = arms
        assert overlap(source, edited) > overlap(source, plain) + 0.12
