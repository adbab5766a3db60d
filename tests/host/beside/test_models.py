"""Beside other kinds of models: how they are sampled, their shapes, and inpainting."""

import comfy_extras.nodes_differential_diffusion as differential
import comfy_extras.nodes_model_advanced as advanced
import pytest
import torch

import nodes as host_nodes

from .. import tiny_models
from ..graph import empty_latent, outputs, plain_text, sample
from .check import Graph, outcome, three_steps
from .edits import EDIT_NAMES, EDITS, ONE_TERM, TWO_TERMS

every_edit = pytest.mark.parametrize("edit", EDITS, ids=EDIT_NAMES)
one_and_two_terms = pytest.mark.parametrize("edit", [ONE_TERM, TWO_TERMS], ids=["one term", "two terms"])


class TestSampling:
    @every_edit
    @pytest.mark.parametrize("steps", [1, 4])
    def test_cfg_1(self, small, edit, steps):
        """Turbo and Lightning models: few steps, and no negative prompt in the model call."""

        def run(*inputs):
            return sample(*inputs, steps=steps, cfg=1.0, scheduler="sgm_uniform")

        outcome(small, edit, Graph(run=run)).expect(neighbour=None)

    @one_and_two_terms
    @pytest.mark.parametrize("sampling", ["eps", "lcm", "v_prediction"])
    @pytest.mark.parametrize("zsnr", [False, True], ids=["", "zsnr"])
    def test_model_sampling_discrete(self, small, edit, sampling, zsnr):
        def on_model(model):
            return advanced.ModelSamplingDiscrete().patch(model, sampling, zsnr)[0]

        acts = {("eps", False): None, ("lcm", False): 1e-4}  # it is an eps model; few steps hide what LCM skips
        # Zero terminal SNR starts at sigma 4500, where rounding is 1.8e-5 of the result (measured).
        outcome(small, edit, Graph(on_model)).expect(
            explicit=1e-4 if zsnr else 1e-5, neighbour=acts.get((sampling, zsnr), 1e-3)
        )

    @one_and_two_terms
    @pytest.mark.parametrize("sampling", ["v_prediction", "edm", "eps"])
    def test_model_sampling_continuous_edm(self, small, edit, sampling):
        def on_model(model):
            return advanced.ModelSamplingContinuousEDM().patch(model, sampling, 120.0, 0.002)[0]

        outcome(small, edit, Graph(on_model)).expect()

    @one_and_two_terms
    def test_rescale_cfg(self, small, edit):
        outcome(small, edit, Graph(lambda model: advanced.RescaleCFG().patch(model, 0.7)[0])).expect(neighbour=1e-4)


@pytest.fixture(scope="module", params=["SSD-1B", "Vega", "KOALA"])
def distilled(request):
    return tiny_models.sdxl_shaped(request.param)


@pytest.fixture(scope="module")
def inpainting():
    return tiny_models.sdxl_shaped("SDXL inpainting")


class TestShapes:
    @every_edit
    def test_sd_1_5(self, tiny_sd15, edit):
        outcome(tiny_sd15, edit, Graph(), empty_latent(128, 64)).expect(neighbour=None)

    @one_and_two_terms
    def test_distilled_sdxl(self, distilled, edit):
        """Other numbers of transformer blocks at every level, and none in the middle."""
        outcome(distilled, edit, Graph()).expect(neighbour=None)


def filled_latent() -> dict:
    return {"samples": torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2)) * 4}


def half_mask() -> torch.Tensor:
    mask = torch.zeros(1, 64, 64)
    mask[:, :, 24:] = 1
    return mask


class TestInpainting:
    @one_and_two_terms
    @pytest.mark.parametrize("name", ["small", "inpainting"])
    @pytest.mark.parametrize("noise_mask", [False, True], ids=["", "noise mask"])
    def test_inpaint_model_conditioning(self, request, edit, name, noise_mask):
        """On the source, before P2P Apply: what it makes of the picture goes with all rows."""
        setup = request.getfixturevalue(name)
        pixels = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(1))
        negative = plain_text(setup[1], "")

        def encoded(positive):
            node = host_nodes.InpaintModelConditioning()
            return node.encode(positive, negative, pixels, setup[2], half_mask(), noise_mask)

        graph = Graph(on_source=lambda source: encoded(source)[0], on_negative=lambda _: encoded(negative)[1])
        latent = encoded(negative)[2]
        assert ("noise_mask" in latent) is noise_mask
        acts = 1e-3 if name == "inpainting" else None
        outcome(setup, edit, graph, latent).expect(neighbour=acts)

    @every_edit
    @pytest.mark.parametrize("where", ["before", "after"])
    def test_noise_mask(self, small, edit, where):
        def masked(latent):
            return host_nodes.SetLatentNoiseMask().set_mask(latent, half_mask())[0]

        def run(model, positive, negative, latent):
            result = three_steps(model, positive, negative, masked(latent) if where == "after" else latent)
            kept = latent["samples"][..., :, :2]
            assert torch.allclose(result[..., :, :2], kept, atol=1e-5)
            return result

        latent = filled_latent()
        outcome(small, edit, Graph(run=run), masked(latent) if where == "before" else latent).expect(neighbour=None)

    @one_and_two_terms
    def test_masks_of_a_batch(self, small, edit):
        """Two pictures with a mask each."""
        masks = torch.cat([half_mask(), 1 - half_mask()])
        latent = {"samples": filled_latent()["samples"].repeat(2, 1, 1, 1)}
        masked = host_nodes.SetLatentNoiseMask().set_mask(latent, masks)[0]
        outcome(small, edit, Graph(), masked).expect(neighbour=None)

    @one_and_two_terms
    def test_differential_diffusion(self, small, edit):
        def on_model(model):
            return outputs(differential.DifferentialDiffusion, model=model)[0]

        soft = half_mask() * torch.linspace(0, 1, 64)
        latent = host_nodes.SetLatentNoiseMask().set_mask(filled_latent(), soft)[0]
        outcome(small, edit, Graph(on_model), latent).expect(neighbour=None)
