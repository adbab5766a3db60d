"""Beside every stock guider and the graphs with more than one sampler."""

import comfy.model_management
import comfy_extras.nodes_custom_sampler as custom
import comfy_extras.nodes_perpneg as perpneg
import pytest
import torch
from p2p.p2p_core.errors import P2PError

import nodes as host_nodes

from ..graph import applied, empty_latent, outputs, plain_text, relative, sample
from .check import Graph, outcome, three_steps
from .edits import EDIT_NAMES, EDITS, ONE_TERM, TWO_TERMS

every_edit = pytest.mark.parametrize("edit", EDITS, ids=EDIT_NAMES)
one_and_two_terms = pytest.mark.parametrize("edit", [ONE_TERM, TWO_TERMS], ids=["one term", "two terms"])
OTHER = "a wide green field"


def sampled(guider, model, latent, sigmas=None) -> torch.Tensor:
    """SamplerCustomAdvanced, 3 steps of euler."""
    if sigmas is None:
        sigmas = outputs(custom.BasicScheduler, model=model, scheduler="normal", steps=3, denoise=1.0)[0]
    (noise,) = outputs(custom.RandomNoise, noise_seed=1)
    (sampler,) = outputs(custom.KSamplerSelect, sampler_name="euler")
    return outputs(
        custom.SamplerCustomAdvanced,
        noise=noise,
        guider=guider,
        sampler=sampler,
        sigmas=sigmas,
        latent_image=latent,
    )[0]["samples"]


class TestGuiders:
    @one_and_two_terms
    def test_basic_guider(self, small, edit):
        def run(model, positive, negative, latent):
            (guider,) = outputs(custom.BasicGuider, model=model, conditioning=positive)
            return sampled(guider, model, latent)

        outcome(small, edit, Graph(run=run)).expect(neighbour=None)

    @one_and_two_terms
    def test_cfg_guider(self, small, edit):
        def run(model, positive, negative, latent):
            (guider,) = outputs(custom.CFGGuider, model=model, positive=positive, negative=negative, cfg=5.0)
            return sampled(guider, model, latent)

        found = outcome(small, edit, Graph(run=run))
        found.expect(neighbour=None)
        same = outcome(small, edit, Graph())
        assert torch.equal(found.edited["before"], same.edited["before"])

    @one_and_two_terms
    @pytest.mark.parametrize("style", ["regular", "nested"])
    @pytest.mark.parametrize("place", [1, 2])
    def test_dual_cfg_guider(self, small, edit, style, place):
        """The edited prompt as either of the two; the other is plain."""
        other = plain_text(small[1], OTHER)

        def run(model, positive, negative, latent):
            conds = (positive, other) if place == 1 else (other, positive)
            (guider,) = outputs(
                custom.DualCFGGuider,
                model=model,
                cond1=conds[0],
                cond2=conds[1],
                negative=negative,
                cfg_conds=3.0,
                cfg_cond2_negative=2.0,
                style=style,
            )
            return sampled(guider, model, latent)

        outcome(small, edit, Graph(run=run)).expect(neighbour=None)

    @one_and_two_terms
    def test_perp_neg_guider(self, small, edit):
        """The node projects over the whole batch, so that a target reaches the source; explicit maps say how far."""
        empty = plain_text(small[1], "")

        def run(model, positive, negative, latent):
            (guider,) = outputs(
                perpneg.PerpNegGuider,
                model=model,
                positive=positive,
                negative=plain_text(small[1], "a house"),
                empty_conditioning=empty,
                cfg=5.0,
                neg_scale=1.0,
            )
            return sampled(guider, model, latent)

        found = outcome(small, edit, Graph(run=run))
        print(found)
        found.expect(neighbour=None, source=1e-2)
        assert relative(found.edited["before"][0], found.explicit[0]) < 1e-5

    @one_and_two_terms
    def test_sampler_custom(self, small, edit):
        def run(model, positive, negative, latent):
            (sigmas,) = outputs(custom.BasicScheduler, model=model, scheduler="karras", steps=3, denoise=1.0)
            (sampler,) = outputs(custom.KSamplerSelect, sampler_name="euler")
            return outputs(
                custom.SamplerCustom,
                model=model,
                add_noise=True,
                noise_seed=1,
                cfg=5.0,
                positive=positive,
                negative=negative,
                sampler=sampler,
                sigmas=sigmas,
                latent_image=latent,
            )[0]["samples"]

        outcome(small, edit, Graph(run=run)).expect(neighbour=None)


class TestStages:
    @every_edit
    def test_two_stages_of_ksampler_advanced(self, small, edit):
        def run(model, positive, negative, latent):
            node = host_nodes.KSamplerAdvanced()
            setting = (4, 5.0, "euler", "normal", positive, negative)
            half = node.sample(model, "enable", 1, *setting, latent, 0, 2, "enable")[0]
            return node.sample(model, "disable", 1, *setting, half, 2, 10000, "disable")[0]["samples"]

        found = outcome(small, edit, Graph(run=run))
        found.expect(neighbour=None)
        whole = outcome(small, edit, Graph(run=lambda *inputs: sample(*inputs, steps=4)))
        assert relative(found.edited["before"], whole.edited["before"]) < 1e-6

    @every_edit
    def test_a_second_pass_at_twice_the_size(self, small, edit):
        """The latent that comes out of the sampler is enlarged and goes through the same outputs again."""

        def run(model, positive, negative, latent):
            first = host_nodes.KSampler().sample(model, 1, 2, 5.0, "euler", "normal", positive, negative, latent)[0]
            larger = host_nodes.LatentUpscale().upscale(first, "bilinear", 128, 128, "disabled")[0]
            second = host_nodes.KSampler().sample(
                model, 2, 2, 5.0, "euler", "normal", positive, negative, larger, denoise=0.5
            )
            return second[0]["samples"]

        outcome(small, edit, Graph(run=run)).expect(neighbour=None)

    @one_and_two_terms
    def test_a_second_pass_on_the_pictures(self, small, edit):
        """Through the VAE the latent forgets that its rows share their noise; the positive still says so."""
        vae = small[2]

        def run_with(**latent_keys):
            def run(model, positive, negative, latent):
                node = host_nodes.KSampler()
                first = node.sample(model, 1, 2, 5.0, "euler", "normal", positive, negative, latent)[0]
                (again,) = host_nodes.VAEEncode().encode(vae, host_nodes.VAEDecode().decode(vae, first)[0])
                assert "batch_index" not in again
                again.update(latent_keys)
                return sample(model, positive, negative, again, seed=2, steps=3, denoise=0.6)

            return run

        found = outcome(small, edit, Graph(run=run_with(batch_index=[0, 0])))
        found.expect(neighbour=None)
        inputs = applied(small[0], small[1], edit.controller(small[1]), empty_latent(64, 64))
        assert torch.equal(run_with()(*inputs), found.edited["before"])

    @every_edit
    def test_two_samplers_share_one_model(self, small, edit):
        """Other seed, steps and size in between leave nothing behind in the model."""
        model, clip, _ = small
        inputs = applied(model, clip, edit.controller(clip), empty_latent(64, 64))
        alone = three_steps(*inputs)
        patched, positive, negative, _ = inputs
        other = applied(model, clip, edit.controller(clip), empty_latent(128, 64, batch=2))[3]
        sample(patched, positive, negative, other, seed=9, steps=5)
        assert torch.equal(three_steps(*inputs), alone)

    @one_and_two_terms
    def test_two_edits_on_one_model(self, small, edit):
        """The model of one P2P Apply with the positive of another: the positive says which edit it is."""
        model, clip, _ = small
        first = applied(model, clip, ONE_TERM.controller(clip), empty_latent(64, 64))
        second = applied(model, clip, edit.controller(clip), empty_latent(64, 64))
        assert torch.equal(three_steps(first[0], *second[1:]), three_steps(*second))

    @one_and_two_terms
    def test_the_positive_on_a_model_without_p2p(self, small, edit):
        """A second sampler with the bare model would take the rows as plain prompts."""
        model, clip, _ = small
        _, positive, negative, latent = applied(model, clip, edit.controller(clip), empty_latent(64, 64))
        with pytest.raises(P2PError, match="without its model"):
            three_steps(model, positive, negative, latent)


@every_edit
def test_little_memory(small, edit, monkeypatch):
    """The host runs the negative and the positive one after the other, in both the edited and the plain graph."""
    together = outcome(small, edit, Graph())
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda *args, **named: 0)
    apart = outcome(small, edit, Graph())
    apart.expect(neighbour=None)
    assert relative(apart.edited["before"], together.edited["before"]) < 1e-5
