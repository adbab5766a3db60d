"""Local blend while sampling: the literal loop to the bit, every stock sampler, drawn masks, and what is left alone."""

import logging
from dataclasses import dataclass, replace

import comfy.samplers
import pytest
import torch
from comfy.ldm.modules.attention import BasicTransformerBlock
from einops import rearrange, reduce
from p2p.nodes._host import blending, seeing
from p2p.nodes._host.progress import progress_of
from p2p.nodes.attention_store import P2PAttentionStore
from p2p.nodes.combine import P2PCombine
from p2p.nodes.local_blend import P2PLocalBlend
from p2p.nodes.move import P2PMoveController
from p2p.nodes.refine import P2PRefineController
from p2p.nodes.replace import P2PReplaceController
from p2p.nodes.reweight import P2PReweightController
from p2p.p2p_core import naive
from p2p.p2p_core.errors import P2PError
from torch.nn.functional import interpolate, max_pool2d

import nodes as host_nodes

from .graph import SOURCE, applied, empty_latent, outputs, plain_text, relative, replace_controller, sample, text

SIZE = (16, 12)  # of the latents: not square
GRID = (8, 6)
TOWARDS = "a photo of a fluffy cat on grass at night"
WINDOWS = {"cross_start": 0.0, "cross_end": 0.8, "self_start": 0.0, "self_end": 0.4, "word_windows": ""}
THRESHOLD = 0.96  # random weights have flat maps


def blended_controller(controller, **settings):
    names = {"target_words": "", "source_words": "", "keep_words": "", "threshold": THRESHOLD}
    return outputs(
        P2PLocalBlend, controller=controller, **{**names, "threshold_rule": "max", "start": 0.2, **settings}
    )[0]


def swap(clip):
    return replace_controller(clip)


def two_terms(clip):
    return replace_controller(clip, word_windows="dog: 0.2-0.5")


def refined(clip):
    return outputs(P2PRefineController, source=text(clip, SOURCE), target=text(clip, TOWARDS), **WINDOWS)[0]


def fader(clip):
    return outputs(P2PReweightController, scales="cat: -1\ngrass: 2 @ 0-0.6", conditioning=text(clip, SOURCE))[0]


def moved(clip):
    settings = {"offset_x": 0.25, "offset_y": -0.1, "scale": 1.2, "start": 0.0, "end": 0.6}
    return outputs(P2PMoveController, word="cat", conditioning=text(clip, SOURCE), **settings)[0]


def two_targets(clip):
    return outputs(P2PCombine, first=swap(clip), second=refined(clip))[0]


def latent(batch=1, **extra):
    return {**empty_latent(SIZE[1] * 8, SIZE[0] * 8, batch), **extra}


def watched(model):
    """The model with a store, which brings its attention into the form that a blend brings it to."""
    return outputs(
        P2PAttentionStore, model=model, words="", prompt="positive", largest_grid="coarse", start=0.0, end=1.0,
        keep_steps=False,
    )[0]  # fmt: skip


def guided(model, positive, negative, latent, sampler, steps=5, seed=1) -> torch.Tensor:
    """The latent that a stock CFG guider makes with a sampler object."""
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(5.0)
    sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "normal", steps)
    noise = host_nodes.comfy.sample.prepare_noise(latent["samples"], seed, latent["batch_index"])
    mask = latent.get("noise_mask")
    return guider.sample(noise, latent["samples"], sampler, sigmas, denoise_mask=mask, seed=seed)


class Projections:
    """The q and k of every cross-attention of a run, before any edit, by hooks on the projections."""

    def __init__(self, model, rows: int):
        self.rows = rows
        self._handles = []
        self.calls = []
        for name, block in model.model.diffusion_model.named_modules():
            if isinstance(block, BasicTransformerBlock):
                for projection in ("to_q", "to_k"):
                    module = getattr(block.attn2, projection)
                    self._handles.append(module.register_forward_hook(self._keep(name, projection, block.attn2.heads)))

    def _keep(self, name, projection, heads):
        def hook(module, inputs, output):
            positive = output[-self.rows :]  # the host runs the negative first
            self.calls.append((name, projection, rearrange(positive, "r t (h c) -> r h t c", h=heads)))

        return hook

    def maps(self, edits, progress) -> list:
        """Per layer (grid, per row of the batch the edited map); forgets the calls."""
        layers = {}
        for name, projection, tensor in self.calls:
            layers.setdefault(name, {}).setdefault(projection, tensor)
        self.calls = []
        found = []
        for tensors in layers.values():
            q, k = tensors["to_q"], tensors["to_k"]
            side = 1 if q.shape[2] == GRID[0] * GRID[1] else 2
            grid = (GRID[0] // side, GRID[1] // side)
            maps = []
            for group in range(0, self.rows, 1 + len(edits)):
                rows = slice(group, group + 1 + len(edits))
                maps += naive.edited_cross_maps(q[rows], k[rows], edits, progress, grid)
            found.append((grid, maps))
        return found

    def remove(self):
        for handle in self._handles:
            handle.remove()


def literal_masks(sums, positions, threshold):
    """Per row of a group: Hertz et al. 2022, ``LocalBlend``, from maps summed over layers and steps."""
    masks = []
    for pictures, words in zip(sums, positions, strict=True):
        picture = reduce(pictures[list(words)], "t h w -> 1 1 h w", "sum")
        picture = interpolate(max_pool2d(picture, 3, stride=1, padding=1), size=SIZE)[0, 0]
        masks.append(picture / picture.max() > threshold)
    return [masks[0] | mask for mask in masks[1:]]


class LiteralLoop:
    """Euler as the published code runs it: a step of the edit without a blend, then ``x = blend(x)``."""

    def __init__(self, model, edits, positions, start=0.2, threshold=THRESHOLD, rows=None):
        self.model, self.edits, self.positions = model, edits, positions
        self.start, self.threshold = start, threshold
        self.rows = rows or 1 + len(edits)
        self.masks = []

    def __call__(self, model, x, sigmas, extra_args=None, callback=None, disable=None):
        projections = Projections(self.model, self.rows)
        progress = progress_of(self.model.get_model_object("model_sampling"), sigmas[:-1])
        unscaled = [scales_off(edit) for edit in self.edits]
        sums = [0] * self.rows
        try:
            for step in range(len(sigmas) - 1):
                denoised = model(x, sigmas[step] * x.new_ones([x.shape[0]]), **extra_args)
                derivative = (x - denoised) / sigmas[step]
                if callback is not None:
                    callback(
                        {"x": x, "i": step, "sigma": sigmas[step], "sigma_hat": sigmas[step], "denoised": denoised}
                    )
                x = x + derivative * (sigmas[step + 1] - sigmas[step])
                for grid, maps in projections.maps(unscaled, progress[step]):
                    for row, row_map in enumerate(maps):
                        picture = rearrange(row_map.mean(0), "(h w) t -> 1 t h w", h=grid[0])
                        picture = interpolate(picture, size=GRID, mode="bilinear", align_corners=False)[0]
                        sums[row] = sums[row] + picture
                if progress[step] >= self.start:
                    x = self.blend(x, sums)
        finally:
            projections.remove()
        return x

    def blend(self, x, sums):
        group_rows = 1 + len(self.edits)
        x, masks_of_groups = x.clone(), []
        for source in range(0, self.rows, group_rows):
            masks = literal_masks(sums[source : source + group_rows], self.positions, self.threshold)
            masks_of_groups += masks
            for target, mask in enumerate(masks, start=source + 1):
                x[target] = torch.where(mask, x[target], x[source])
        self.masks.append(torch.stack(masks_of_groups))
        return x


def scales_off(edit):
    """Where a word is does not depend on how strongly it is read."""
    return replace(edit, scales=())


def positions_of(blends):
    """Per row of a group, the words of its blend."""
    return [blends[0].source, *(blend.target for blend in blends)]


@dataclass
class Ties:
    """Every call of ``blended`` in a run: the latents before, and (groups, targets, 1, height, width) masks."""

    before: list
    masks: list

    def outside(self, latents) -> float:
        """By how much targets differ from their sources outside the last masks, relative to the sources."""
        groups = rearrange(latents, "(g r) c h w -> g r c h w", r=1 + self.masks[-1].shape[1])
        differences = (groups[:, 1:] - groups[:, :1]) * ~self.masks[-1]
        return float(differences.norm() / groups[:, :1].norm())

    def inside(self, latents) -> float:
        groups = rearrange(latents, "(g r) c h w -> g r c h w", r=1 + self.masks[-1].shape[1])
        differences = (groups[:, 1:] - groups[:, :1]) * self.masks[-1]
        return float(differences.norm() / groups[:, :1].norm())


@pytest.fixture
def ties(monkeypatch):
    seen = Ties([], [])
    original = blending.blended

    def spy(latents, masks, rows, sources=None):
        seen.before.append(latents.clone())
        seen.masks.append(masks)
        return original(latents, masks, rows, sources)

    monkeypatch.setattr(blending, "blended", spy)
    return seen


@pytest.fixture
def seen_layers(monkeypatch):
    """How many times a layer's words were seen."""
    calls = []
    original = seeing.word_maps
    monkeypatch.setattr(seeing, "word_maps", lambda *args: calls.append(1) or original(*args))
    return calls


EDITS = {"swap": swap, "two terms": two_terms, "refine": refined, "fader": fader, "move": moved}


class TestTheLiteralLoop:
    @pytest.mark.parametrize("noise_mask", [False, True])
    @pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
    def test_equal_to_the_bit(self, tiny, edit, noise_mask):
        self.compare(tiny, edit(tiny[1]), noise_mask=noise_mask)

    def test_groups(self, tiny):
        self.compare(tiny, two_terms(tiny[1]), batch=2)

    @pytest.mark.parametrize("start", [0.0, 0.5])
    def test_start(self, tiny, start):
        self.compare(tiny, two_terms(tiny[1]), start=start)

    def test_where_a_word_is_does_not_depend_on_its_scale(self, tiny):
        """The source's word is another one, so that the target's own map decides."""
        words = {"target_words": "cat, grass", "source_words": "photo"}
        self.compare(tiny, fader(tiny[1]), **words)

    @staticmethod
    def compare(tiny, controller, noise_mask=False, batch=1, start=0.2, **words):
        model, clip, _ = tiny
        extra = {}
        if noise_mask:
            extra["noise_mask"] = torch.zeros(1, SIZE[0] * 8, SIZE[1] * 8)
            extra["noise_mask"][:, 24:, 16:] = 1
        local = blended_controller(controller, start=start, **words)
        patched, positive, negative, rows = applied(model, clip, local, latent(batch, **extra))
        found = guided(patched, positive, negative, rows, comfy.samplers.sampler_object("euler"))
        (edits,) = (entry.controller.edits for entry in controller.entries)
        (blends,) = ([edit.blend for edit in entry.controller.edits] for entry in local.entries)
        loop = LiteralLoop(model, edits, positions_of(blends), start, rows=batch * 2)
        patched, positive, negative, rows = applied(watched(model), clip, controller, latent(batch, **extra))
        expected = guided(patched, positive, negative, rows, comfy.samplers.KSAMPLER(loop))
        shares = [float(mask.float().mean()) for mask in loop.masks]
        assert 0 < min(shares) < 1
        assert 0 < shares[-1] < 1
        assert len({tuple(mask.flatten().tolist()) for mask in loop.masks}) > 1  # it moves
        assert torch.equal(found, expected)
        unblended = guided(patched, positive, negative, rows, comfy.samplers.sampler_object("euler"))
        assert relative(unblended, expected) > 1e-3


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
