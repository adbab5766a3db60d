"""Masks that were drawn for a local blend, in place of words and together with them."""

import comfy.samplers
import pytest
import torch
from p2p.nodes._host import seeing
from p2p.nodes._host.progress import progress_of

import nodes as host_nodes

from .blends import SIZE, blended_controller, guided, latent
from .controllers import swap, two_targets, two_terms
from .graph import applied, plain_text, sample


@pytest.fixture
def seen_layers(monkeypatch):
    """How many times a layer's words were seen."""
    calls = []
    original = seeing.word_maps
    monkeypatch.setattr(seeing, "word_maps", lambda *args: calls.append(1) or original(*args))
    return calls


class TestDrawnMasks:
    DRAWN = torch.zeros(1, SIZE[0] * 8, SIZE[1] * 8)
    DRAWN[:, 32:96, 24:] = 1

    def drawn(self, clip, mode, edit=two_terms, mask=DRAWN, **settings):
        return blended_controller(edit(clip), mask=mask, mask_mode=mode, **settings)

    def at_size(self, mask=DRAWN):
        return (mask.unflatten(1, (-1, 8)).unflatten(3, (-1, 8)).mean((2, 4)) > 0.5)[:, None]

    @pytest.mark.parametrize("start", [0.0, 0.2])
    def test_instead_of_words_no_map_is_made(self, tiny, ties, seen_layers, start):
        model, clip, _ = tiny
        found = sample(*applied(model, clip, self.drawn(clip, "instead", swap, start=start), latent()))
        assert seen_layers == []
        assert torch.equal(ties.masks[-1][:, 0], self.at_size())
        assert ties.outside(found) == 0
        assert ties.inside(found) > 1e-3
        plain = sample(*applied(model, clip, swap(clip), latent()))
        assert torch.equal(found[0], plain[0])

    def test_words_do_make_maps(self, tiny, seen_layers):
        model, clip, _ = tiny
        sample(*applied(model, clip, blended_controller(swap(clip)), latent()))
        assert len(seen_layers) == 4 * 17  # steps, cross-attentions of the model

    def test_instead_equals_the_literal_loop(self, tiny):
        model, clip, _ = tiny
        controller = self.drawn(clip, "instead", start=0.3)
        mask = self.at_size()[0, 0]
        sampling = model.get_model_object("model_sampling")

        def literal(model, x, sigmas, extra_args=None, callback=None, disable=None):
            for step in range(len(sigmas) - 1):
                denoised = model(x, sigmas[step] * x.new_ones([x.shape[0]]), **extra_args)
                callback({"x": x, "i": step, "sigma": sigmas[step], "sigma_hat": sigmas[step], "denoised": denoised})
                x = x + (x - denoised) / sigmas[step] * (sigmas[step + 1] - sigmas[step])
                if progress_of(sampling, sigmas[step : step + 1])[0] >= 0.3:
                    x[1] = torch.where(mask, x[1], x[0])
            return x

        expected = guided(*applied(model, clip, two_terms(clip), latent()), comfy.samplers.KSAMPLER(literal))
        found = guided(*applied(model, clip, controller, latent()), comfy.samplers.sampler_object("euler"))
        assert torch.equal(found, expected)

    @pytest.mark.parametrize("mode", ["union", "intersection"])
    def test_together_with_words(self, tiny, ties, mode):
        model, clip, _ = tiny
        sample(*applied(model, clip, blended_controller(two_terms(clip)), latent()), steps=1 + 3)
        sample(*applied(model, clip, self.drawn(clip, mode), latent()), steps=1 + 3)
        found, drawn = ties.masks[-1][:, 0], self.at_size()
        assert (found >= drawn).all() if mode == "union" else (found <= drawn).all()
        assert not torch.equal(found, drawn)

    def test_a_mask_per_picture(self, tiny, ties):
        model, clip, _ = tiny
        masks = torch.cat([self.DRAWN, self.DRAWN.flip(1).roll(16, 2)])
        found = sample(*applied(model, clip, self.drawn(clip, "instead", mask=masks), latent(2)))
        assert torch.equal(ties.masks[-1][:, 0], self.at_size(masks))
        assert not torch.equal(ties.masks[-1][0], ties.masks[-1][1])
        assert ties.outside(found) == 0

    def test_one_mask_for_all_pictures_and_targets(self, tiny, ties):
        model, clip, _ = tiny
        found = sample(*applied(model, clip, self.drawn(clip, "instead", two_targets), latent(2)))
        assert ties.masks[-1].shape == (2, 2, 1, *SIZE)
        assert (ties.masks[-1] == self.at_size()).all()
        assert ties.outside(found) == 0

    def test_an_area_needs_no_words_then(self, tiny, ties):
        model, clip, _ = tiny
        patched, positive, negative, rows = applied(model, clip, self.drawn(clip, "instead"), latent())
        area = host_nodes.ConditioningSetArea().append(positive, 64, 64, 16, 16, 1.0)[0]
        found = sample(patched, [*area, *plain_text(clip, "grass")], negative, rows)
        assert ties.outside(found) == 0
