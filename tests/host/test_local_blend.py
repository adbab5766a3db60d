"""Local blend while sampling: every stock sampler, runs of all kinds, and what is left alone."""

import logging

import comfy.samplers
import pytest
import torch
from p2p.nodes._host import seeing
from p2p.nodes.combine import P2PCombine
from p2p.nodes.replace import P2PReplaceController
from p2p.p2p_core.errors import P2PError

import nodes as host_nodes

from .blends import SIZE, blended_controller, fader, guided, latent
from .controllers import WINDOWS, refined, swap, two_terms
from .graph import SOURCE, applied, outputs, relative, sample, text

SAMPLERS = comfy.samplers.KSampler.SAMPLERS
# Measured: 2e-5. UniPC hands the model a scaled copy of its latents, which therefore cannot be tied on the way; all
# other samplers have nothing left for the last tie to do.
LEFT_OVER = {"uni_pc": 1e-4, "uni_pc_bh2": 1e-4}


class TestEverySampler:
    @pytest.mark.parametrize("sampler", SAMPLERS)
    def test_outside_the_mask_a_target_is_its_source(self, tiny, sampler, ties):
        model, clip, _ = tiny
        inputs = applied(model, clip, blended_controller(two_terms(clip)), latent())
        found = sample(*inputs, sampler=sampler, steps=6)
        assert 0 < ties.masks[-1].float().mean() < 1
        assert ties.outside(found) == 0
        assert ties.inside(found) > 1e-3
        assert ties.outside(ties.before[-1]) < LEFT_OVER.get(sampler, 1e-6)

    @pytest.mark.parametrize("sampler", ["euler", "heun", "dpmpp_2m_sde", "lms", "uni_pc"])
    def test_a_source_does_not_know_of_it(self, tiny, sampler):
        """dpm_adaptive is left out: its steps follow from an error norm over all rows."""
        model, clip, _ = tiny
        controller = two_terms(clip)
        plain = sample(*applied(model, clip, controller, latent(2)), sampler=sampler)
        found = sample(*applied(model, clip, blended_controller(controller), latent(2)), sampler=sampler)
        assert torch.equal(found[0::2], plain[0::2])
        assert relative(found[1::2], plain[1::2]) > 1e-4

    def test_a_source_beside_an_edit_of_one_term(self, tiny):
        """The blend brings the edit into another form, which a source does not notice either."""
        model, clip, _ = tiny
        plain = sample(*applied(model, clip, swap(clip), latent()))
        found = sample(*applied(model, clip, blended_controller(swap(clip)), latent()))
        assert torch.equal(found[0], plain[0])


class TestRuns:
    def test_without_guidance(self, tiny, ties):
        model, clip, _ = tiny
        found = sample(*applied(model, clip, blended_controller(two_terms(clip)), latent()), cfg=1.0)
        assert ties.outside(found) == 0
        assert ties.inside(found) > 1e-3

    def test_two_stages(self, tiny, ties):
        """KSamplerAdvanced: the second sees maps of its own."""
        model, clip, _ = tiny
        controller = two_terms(clip)

        def staged(controller):
            model_, positive, negative, rows = applied(model, clip, controller, latent())
            first = {"steps": 6, "start_step": 0, "last_step": 3, "force_full_denoise": False}
            half = sample(model_, positive, negative, rows, **first)
            outside = ties.outside(half) if ties.masks else None
            rest = {"steps": 6, "start_step": 3, "disable_noise": True}
            return outside, sample(model_, positive, negative, {**rows, "samples": half}, **rest)

        _, plain = staged(controller)
        assert ties.masks == []
        outside, found = staged(blended_controller(controller))
        assert outside == 0
        assert ties.outside(found) == 0
        assert ties.inside(found) > 1e-3
        assert torch.equal(found[0], plain[0])

    def test_a_start_of_1(self, tiny, ties):
        """No step of the simple schedule starts at 1. The last one of the normal schedule does: it is blended."""
        model, clip, _ = tiny
        controller = two_terms(clip)
        inputs = applied(model, clip, blended_controller(controller, start=1.0), latent())
        never = sample(*inputs, scheduler="simple")
        assert ties.masks == []
        assert torch.equal(never, sample(*applied(model, clip, controller, latent()), scheduler="simple"))
        found = sample(*inputs, scheduler="normal")
        assert len(ties.masks) == 2  # what the model returned, and what the sampler did
        assert ties.outside(found) == 0

    def test_two_targets_with_blends_of_their_own(self, tiny, ties):
        model, clip, _ = tiny
        first = blended_controller(two_terms(clip), threshold=0.95)
        second = blended_controller(refined(clip), target_words="grass", start=0.5, grids="coarse")
        both = outputs(P2PCombine, first=first, second=second)[0]
        found = sample(*applied(model, clip, both, latent(2)))
        together = ties.masks[-1]
        assert together.shape == (2, 2, 1, *SIZE)
        assert ties.outside(found) == 0
        for target, controller in enumerate((first, second)):
            alone = sample(*applied(model, clip, controller, latent(2)))
            assert torch.equal(ties.masks[-1][:, 0], together[:, target])
            assert relative(found[target + 1 :: 3], alone[1::2]) < 1e-5
        assert not torch.equal(together[:, 0], together[:, 1])

    def test_only_one_of_two_targets_is_blended(self, tiny, ties):
        model, clip, _ = tiny
        both = outputs(P2PCombine, first=two_terms(clip), second=blended_controller(refined(clip)))[0]
        plain = outputs(P2PCombine, first=two_terms(clip), second=refined(clip))[0]
        found, without = (sample(*applied(model, clip, controller, latent())) for controller in (both, plain))
        assert torch.equal(found[:2], without[:2])
        assert not torch.equal(found[2], without[2])
        assert ties.masks[-1][:, 0].all()
        assert not ties.masks[-1][:, 1].all()

    def test_words_of_a_part_of_a_combined_conditioning(self, tiny, ties):
        model, clip, _ = tiny
        source, target = ([*text(clip, SOURCE), *text(clip, end)] for end in ("a red hat", "a blue hat"))
        controller = replace_controller_of(source, target)
        found = sample(*applied(model, clip, blended_controller(controller), latent()))
        assert 0 < ties.masks[-1].float().mean() < 1
        assert ties.outside(found) == 0
        assert ties.inside(found) > 1e-3

    def test_quantile_leaves_that_part_of_the_picture(self, tiny, ties):
        """Of each map, after it spread and was joined with its source's: the part that stays is at most it."""
        model, clip, _ = tiny
        settings = {"threshold": 0.8, "threshold_rule": "quantile"}
        sample(*applied(model, clip, blended_controller(fader(clip), **settings), latent()))
        assert 0.05 < ties.masks[-1].float().mean() <= 0.4  # two maps, a fifth each


class TestRefusalsAndWarnings:
    def test_a_prompt_with_an_area(self, tiny):
        model, clip, _ = tiny
        calls = []
        patched, positive, negative, rows = applied(model, clip, blended_controller(swap(clip)), latent())
        patched.set_model_unet_function_wrapper(
            lambda apply, call: calls.append(1) or apply(call["input"], call["timestep"], **call["c"])
        )
        area = host_nodes.ConditioningSetArea().append(positive, 64, 64, 0, 0, 1.0)[0]
        with pytest.raises(P2PError, match="needs maps of the whole picture, but the edited prompt has an area"):
            sample(patched, area, negative, rows)
        assert calls == []

    def test_an_edit_that_is_lost_in_all_pictures(self, tiny):
        model, clip, _ = tiny
        controller = blended_controller(swap(clip), target_words="dog", keep_words="photo, grass, of", threshold=0.0)
        with pytest.raises(P2PError, match=r"The mask of the local blend \(dog\) is empty.*lower the threshold"):
            sample(*applied(model, clip, controller, latent(2)), steps=2)

    def test_an_edit_that_is_lost_in_one_of_two_pictures(self, tiny, caplog, ties):
        model, clip, _ = tiny
        masks = torch.stack([torch.ones(128, 96), torch.zeros(128, 96)])
        controller = blended_controller(two_terms(clip), mask=masks, mask_mode="intersection")
        with caplog.at_level(logging.WARNING):
            found = sample(*applied(model, clip, controller, latent(2)))
        assert "in 1 of 2 pictures: The mask of the local blend (dog) is empty" in caplog.text
        assert torch.equal(found[2], found[3])
        assert not torch.equal(found[0], found[1])

    def test_nothing_is_said_where_every_edit_is_there(self, tiny, caplog):
        model, clip, _ = tiny
        with caplog.at_level(logging.WARNING):
            sample(*applied(model, clip, blended_controller(two_terms(clip)), latent(2)))
        assert "local blend" not in caplog.text


class TestWhatIsLeftBehind:
    @pytest.mark.parametrize("name", ["euler", "dpmpp_2m_sde", "uni_pc"])
    @pytest.mark.parametrize("fails", [False, True])
    def test_a_sampler_is_as_before(self, tiny, name, fails, monkeypatch):
        """Custom-sampling graphs keep one sampler object for all runs."""
        model, clip, _ = tiny
        sampler = comfy.samplers.sampler_object(name)
        before = dict(vars(sampler))
        inputs = applied(model, clip, blended_controller(two_terms(clip)), latent())
        if fails:
            monkeypatch.setattr(seeing.Watch, "see", failing)
            with pytest.raises(ZeroDivisionError):
                guided(*inputs, sampler, steps=2)
            monkeypatch.undo()
        else:
            guided(*inputs, sampler, steps=2)
        assert vars(sampler).keys() == before.keys()
        assert all(value is before[key] for key, value in vars(sampler).items())

    def test_a_second_run_does_not_know_of_the_first(self, tiny):
        model, clip, _ = tiny
        inputs = applied(model, clip, blended_controller(two_terms(clip)), latent())
        first = sample(*inputs)
        sample(*inputs, seed=7)
        assert torch.equal(sample(*inputs), first)


def failing(*args):
    raise ZeroDivisionError


def replace_controller_of(source, target):
    return outputs(P2PReplaceController, source=source, target=target, **WINDOWS)[0]
