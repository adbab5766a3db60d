"""The other invariants of an edit that this pack promises, on random weights."""

import gc
import weakref

import comfy.model_management
import comfy.samplers
import comfy_extras.nodes_custom_sampler as custom
import pytest
import torch
from comfy.patcher_extension import WrappersMP
from p2p.nodes._host import install, patches, run
from p2p.nodes._host.progress import progress_of

import nodes as host_nodes

from .graph import (
    SOURCE,
    TARGET,
    applied,
    empty_latent,
    outputs,
    plain_text,
    relative,
    replace_controller,
    rows_of,
    sample,
    text,
)
from .tiny_sdxl import tiny_sdxl


def edit_and_plain(tiny, latent=None, **settings):
    """An edit's latents, and those of the same rows without it."""
    model, clip, _ = tiny
    patched, positive, negative, latent = applied(model, clip, replace_controller(clip), latent)
    rows = rows_of(text(clip, SOURCE), text(clip, TARGET))
    return sample(patched, positive, negative, latent, **settings), sample(model, rows, negative, latent, **settings)


class TestStateOfARun:
    """Invariant 7: nothing survives."""

    def test_the_node_installs_one_wrapper_and_no_patch(self, tiny):
        model, clip, _ = tiny
        patched, *_ = applied(*applied(model, clip, replace_controller(clip))[:1], clip, replace_controller(clip))
        assert len(patched.get_wrappers(WrappersMP.OUTER_SAMPLE, install.WRAPPER_KEY)) == 1
        assert "patches" not in patched.model_options["transformer_options"]
        assert not model.get_wrappers(WrappersMP.OUTER_SAMPLE, install.WRAPPER_KEY)

    @pytest.mark.parametrize("failure", [comfy.model_management.InterruptProcessingException, RuntimeError])
    def test_a_run_that_stops_in_the_middle_leaves_nothing(self, tiny, failure, monkeypatch):
        model, clip, _ = tiny
        inputs = applied(model, clip, replace_controller(clip))
        before = sample(*inputs)
        seen = []
        original = run.Run.operators_of_chunks

        def failing(self, *args):
            seen.append(weakref.ref(self))
            if self.step == 2:
                raise failure("stopped")
            return original(self, *args)

        monkeypatch.setattr(run.Run, "operators_of_chunks", failing)
        with pytest.raises(failure):
            sample(*inputs)
        monkeypatch.undo()
        gc.collect()
        assert seen
        assert all(reference() is None for reference in seen)
        assert torch.equal(sample(*inputs), before)

    def test_runs_do_not_accumulate(self, tiny):
        model, clip, _ = tiny
        inputs = applied(model, clip, replace_controller(clip, word_windows="dog: 0-0.4"))

        def tensors_after_a_run():
            sample(*inputs, steps=2)
            gc.collect()
            return sum(torch.is_tensor(thing) for thing in gc.get_objects())

        first = [tensors_after_a_run() for _ in range(3)]
        assert tensors_after_a_run() <= max(first)

    def test_two_samplers_share_a_model(self, tiny):
        model, clip, _ = tiny
        inputs = applied(model, clip, replace_controller(clip))
        alone = sample(*inputs)
        sample(*inputs, seed=9, steps=2)
        assert torch.equal(sample(*inputs), alone)


class TestWindows:
    """Invariant 6: progress means the same however sampling is divided."""

    def test_the_paper_s_fractions_reproduce_its_steps(self, tiny):
        sampling = tiny[0].get_model_object("model_sampling")
        for scheduler in ("normal", "simple", "ddim_uniform", "sgm_uniform"):
            sigmas = comfy.samplers.calculate_sigmas(sampling, scheduler, 50)
            progress = progress_of(sampling, sigmas[:-1])
            assert sum(value < 0.8 for value in progress) == 40, scheduler
            assert sum(value < 0.4 for value in progress) == 20, scheduler

    def test_progress_is_the_host_s_percent(self, tiny):
        sampling = tiny[0].get_model_object("model_sampling")
        for percent in (0.0, 0.01, 0.25, 0.5, 0.8, 0.99):
            sigma = torch.tensor([min(sampling.percent_to_sigma(percent), float(sampling.sigma_max))])
            assert progress_of(sampling, sigma)[0] == pytest.approx(percent, abs=1e-5)

    def test_a_split_sampling_equals_a_whole_one(self, tiny):
        inputs = applied(*tiny[:2], replace_controller(tiny[1]))
        whole = sample(*inputs, steps=6)
        model, positive, negative, latent = inputs
        half = sample(*inputs, steps=6, start_step=0, last_step=3, force_full_denoise=False)
        rest = sample(model, positive, negative, {**latent, "samples": half}, steps=6, start_step=3, disable_noise=True)
        assert relative(rest, whole) < 1e-6

    def test_denoise_starts_inside_the_schedule(self, tiny):
        """At denoise 0.5 progress starts at one half: a window up to 0.4 has passed."""
        clip = tiny[1]
        latent = {"samples": torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))}
        early = applied(*tiny[:2], replace_controller(clip, cross_end=0.4), latent)
        rows = rows_of(text(clip, SOURCE), text(clip, TARGET))
        plain = sample(tiny[0], rows, early[2], early[3], denoise=0.5)
        assert torch.equal(sample(*early, denoise=0.5), plain)
        late = applied(*tiny[:2], replace_controller(clip, cross_end=0.9), latent)
        assert relative(sample(*late, denoise=0.5)[1], plain[1]) > 1e-4


class TestShapesAndTypes:
    """Invariant 9."""

    @pytest.mark.parametrize(("width", "height"), [(128, 64), (64, 192), (136, 72)])
    def test_non_square(self, tiny, width, height):
        edited, plain = edit_and_plain(tiny, empty_latent(width, height))
        assert torch.equal(edited[0], plain[0])
        assert relative(edited[1], plain[1]) > 1e-3

    def test_a_batch_of_groups_equals_its_groups(self, tiny):
        model, clip, _ = tiny
        controller = replace_controller(clip)
        together = sample(*applied(model, clip, controller, empty_latent(batch=3)))
        latent = {**empty_latent(batch=1), "batch_index": [2]}
        assert relative(sample(*applied(model, clip, controller, latent)), together[4:6]) < 5e-6

    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 0.003), (torch.bfloat16, 0.015)])
    def test_half_precision_is_near_full(self, dtype, tolerance):
        half, full = tiny_sdxl(dtype), tiny_sdxl()
        edited, _ = edit_and_plain(half, steps=2)
        expected, plain = edit_and_plain(full, steps=2)
        assert relative(edited[1], expected[1]) < tolerance
        assert relative(edited[1], expected[1]) < relative(plain[1], expected[1])


class TestNeighbours:
    """Invariant 8, for what a first graph is likely to have."""

    def test_cfg_1(self, tiny):
        edited, plain = edit_and_plain(tiny, cfg=1.0)
        assert torch.equal(edited[0], plain[0])
        assert relative(edited[1], plain[1]) > 1e-3

    def test_a_negative_of_other_length(self, tiny):
        model, clip, _ = tiny
        long = "blurry, " * 60
        controller = replace_controller(clip)
        edited = sample(*applied(model, clip, controller, negative=long))
        _, _, negative, latent = applied(model, clip, controller, negative=long)
        plain = sample(model, rows_of(text(clip, SOURCE), text(clip, TARGET)), negative, latent)
        assert relative(edited[0], plain[0]) < 1e-5
        assert relative(edited[1], plain[1]) > 1e-3

    @pytest.mark.parametrize("keys", [2, 3])
    @pytest.mark.parametrize("two_terms", [False, True])
    def test_another_pack_s_replaced_attn2_computes_the_first_term(self, tiny, keys, two_terms):
        """An IP-Adapter adds its picture's attention; it must be added once, and with P2P's queries."""
        model, clip, _ = tiny
        windows = "dog: 0-0.4" if two_terms else ""
        controller = replace_controller(clip, word_windows=windows)
        calls = []

        def adapter(q, k, v, options):
            calls.append(q.shape[0])
            return patches.host_attention(q, k, v, options)

        neighbour = model.clone()
        for block, number in (("input", 4), ("input", 7), ("middle", 0), ("output", 1)):
            for index in range(2) if keys == 3 else [None]:
                neighbour.set_model_attn2_replace(adapter, block, number, index)
        alone = sample(*applied(model, clip, controller))
        beside = sample(*applied(neighbour, clip, controller))
        assert calls
        assert set(calls) == {4}
        assert relative(beside, alone) < 1e-5

    def test_rows_in_separate_model_calls(self, tiny, monkeypatch):
        """Little memory: the host runs the negative and the positive one after the other."""
        inputs = applied(*tiny[:2], replace_controller(tiny[1]))
        together = sample(*inputs)
        monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda *args, **named: 0)
        assert relative(sample(*inputs), together) < 1e-5

    def test_timestep_ranges_and_areas_survive(self, tiny):
        model, clip, _ = tiny
        controller = replace_controller(clip)
        _, positive, *_ = applied(model, clip, controller)
        ranged = host_nodes.ConditioningSetTimestepRange().set_range(text(clip, SOURCE), 0.0, 0.5)[0]
        entry = outputs_of_replace(ranged, text(clip, TARGET))
        assert entry[1]["end_percent"] == 0.5
        area = host_nodes.ConditioningSetArea().append(positive, 64, 64, 0, 0, 1.0)[0]
        assert area[0][1]["p2p_group"] is positive[0][1]["p2p_group"]

    def test_an_area_on_the_edit_reaches_only_the_positive(self, tiny):
        model, clip, _ = tiny
        patched, positive, negative, latent = applied(model, clip, replace_controller(clip))
        area = host_nodes.ConditioningSetArea().append(positive, 64, 64, 0, 0, 1.0)[0]
        edited = sample(patched, [*area, *plain_text(clip, "on grass")], negative, latent)
        rows = rows_of(text(clip, SOURCE), text(clip, TARGET))
        plain_area = host_nodes.ConditioningSetArea().append(rows, 64, 64, 0, 0, 1.0)[0]
        plain = sample(model, [*plain_area, *plain_text(clip, "on grass")], negative, latent)
        assert relative(edited[0], plain[0]) < 1e-6
        assert relative(edited[1], plain[1]) > 1e-4

    def test_the_custom_sampler_graph(self, tiny):
        model, positive, negative, latent = applied(*tiny[:2], replace_controller(tiny[1]))
        guider = comfy.samplers.CFGGuider(model)
        guider.set_conds(positive, negative)
        guider.set_cfg(5.0)
        sigmas = comfy.samplers.KSampler(model, 4, "cpu", "euler", "normal").sigmas
        result = outputs(
            custom.SamplerCustomAdvanced,
            noise=custom.Noise_RandomNoise(1),
            guider=guider,
            sampler=comfy.samplers.sampler_object("euler"),
            sigmas=sigmas,
            latent_image=latent,
        )[0]
        assert torch.equal(result["samples"], sample(model, positive, negative, latent))


def outputs_of_replace(source, target):
    from p2p.nodes._host.conditioning import merged
    from p2p.nodes.replace import P2PReplaceController

    settings = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": ""}
    return merged(outputs(P2PReplaceController, source=source, target=target, **settings)[0])[0]
