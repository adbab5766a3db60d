"""Local blend while sampling: the literal loop of the published code, to the bit."""

import comfy.samplers
import pytest
import torch

from .blends import SIZE, blended_controller, fader, guided, latent, moved, watched
from .controllers import refined, swap, two_terms
from .graph import applied, relative
from .literal_blend import LiteralLoop, positions_of

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
