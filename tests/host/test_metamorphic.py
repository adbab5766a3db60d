"""Edits that must agree, in whole sampling runs: what undoes, commutes, splits, combines or covers everything.

Where both sides make the same operators they agree to the bit. Elsewhere the tolerance is eight times the largest
difference that was measured, and edits that differ in earnest are hundreds of times farther apart.
"""

import pytest
import torch

from .graph import SOURCE, TARGET, applied, empty_latent, plain_text, relative, rows_of, sample, text
from .kinds import KINDS, LEFT_HALF, blended, combined, following, moved, prompts_of, refined, reweighted
from .tiny_models import sdxl_shaped

ROUNDING = 5e-6  # of rows in batches of other sizes, or of another order; 6.6e-7 was measured
EVERYTHING = torch.ones(1, 64, 64)


@pytest.fixture(scope="module")
def small():
    with torch.inference_mode():
        return sdxl_shaped("smallest")


def made(small, controller, latent=None, **settings) -> torch.Tensor:
    return sample(*applied(*small[:2], controller, latent or empty_latent(64, 64)), **settings)


def unedited(small, controller) -> torch.Tensor:
    *_, negative, latent = applied(*small[:2], controller, empty_latent(64, 64))
    return sample(small[0], rows_of(*prompts_of(controller)), negative, latent)


class TestUndone:
    def test_a_scale_of_2_and_then_of_a_half(self, small):
        alone = reweighted("cat: 2", small[1])
        assert torch.equal(made(small, reweighted("cat: 0.5", controller=alone)), unedited(small, alone))
        assert relative(made(small, alone)[1], unedited(small, alone)[1]) > 1e-3

    @pytest.mark.parametrize("factors", [(2.0, 0.5), (4.0, 0.25), (-1.0, -1.0)])
    def test_a_scale_and_its_inverse_on_another_edit(self, small, factors):
        controller = following(small[1])
        for factor in factors:
            controller = reweighted(f"dog: {factor} @ 0.2-0.9", controller=controller)
        assert torch.equal(made(small, controller), made(small, following(small[1])))

    def test_a_scale_that_rounds(self, small):
        """0.1 and 10 are no exact inverses in floating point, 3 and a third neither."""
        controller = reweighted("dog: 3\ndog: 0.3333333", controller=following(small[1]))
        assert relative(made(small, controller), made(small, following(small[1]))) < ROUNDING

    @pytest.mark.parametrize(("x", "y"), [(0.25, 0.0), (0.125, -0.375), (1.0, 1.0)])
    def test_a_move_and_the_move_back(self, small, x, y):
        there = moved(small[1], x=x, y=y, scale=1.0)
        back = moved(controller=there, x=-x, y=-y, scale=1.0)
        assert torch.equal(made(small, back), unedited(small, back))
        assert relative(made(small, there)[1], unedited(small, there)[1]) > 1e-3

    def test_a_move_and_the_move_back_in_another_window_are_two_moves(self, small):
        back = moved(controller=moved(small[1], x=0.25, window=(0.0, 0.3)), x=-0.25, window=(0.3, 0.9))
        assert relative(made(small, back)[1], unedited(small, back)[1]) > 1e-3

    def test_a_move_on_another_edit_undone(self, small):
        there = moved(controller=following(small[1]), word="dog", x=0.3, y=0.1, scale=2.0)
        back = moved(controller=there, word="dog", x=-0.3, y=-0.1, scale=0.5)
        assert torch.equal(made(small, back), made(small, following(small[1])))

    def test_replace_there_and_back(self, small):
        """Source and target change places, and so do their roles: of cat to dog and dog to cat, each picture's own
        prompt without an edit is the source of the other run; where nothing is inherited the pictures are the same."""
        there = made(small, following(small[1], window=(0.0, 0.0)))
        back = made(small, following(small[1], source=TARGET, target=SOURCE, window=(0.0, 0.0)))
        assert relative(back.flip(0), there) < ROUNDING
        there, back = made(small, following(small[1])), made(small, following(small[1], source=TARGET, target=SOURCE))
        assert torch.equal(there[0], unedited(small, following(small[1]))[0])
        assert relative(back[0], unedited(small, following(small[1]))[1]) < ROUNDING

    def test_a_word_replaced_by_itself_among_others(self, small):
        """Of two targets, the one that went back to the source's text is the source, whatever the other does."""
        controller = combined(following(small[1]), following(small[1], target=SOURCE))
        samples = made(small, controller)
        assert relative(samples[2], samples[0]) < ROUNDING
        assert relative(samples[1], samples[0]) > 1e-3


CHAINS = {
    "two scales": (lambda c: reweighted("dog: 2", controller=c), lambda c: reweighted("grass: -1", controller=c)),
    "scales of one word": (lambda c: reweighted("dog: 2", controller=c), lambda c: reweighted("dog: 3", controller=c)),
    "scale and move": (lambda c: reweighted("dog: 2", controller=c), lambda c: moved(controller=c, word="dog")),
    "two moves": (lambda c: moved(controller=c, word="dog"), lambda c: moved(controller=c, word="grass", x=-0.25)),
    "moves of one word": (
        lambda c: moved(controller=c, word="dog", scale=1.0),
        lambda c: moved(controller=c, word="dog", x=-0.5, scale=2.0),
    ),
    "scale and blend": (
        lambda c: reweighted("dog: 2", controller=c),
        lambda c: blended(c, target_words="dog", source_words="cat", threshold=0.97),
    ),
    "move and blend": (
        lambda c: moved(controller=c, word="dog"),
        lambda c: blended(c, target_words="dog", source_words="cat", threshold=0.97),
    ),
}


@pytest.mark.parametrize(("first", "second"), CHAINS.values(), ids=CHAINS)
def test_the_order_of_a_chain(small, first, second):
    one, other = second(first(following(small[1]))), first(second(following(small[1])))
    found = made(small, one)
    assert relative(found, made(small, other)) < ROUNDING
    assert relative(found[1], made(small, first(following(small[1])))[1]) > 1e-4
    assert relative(found[1], made(small, second(following(small[1])))[1]) > 1e-4


def test_lines_of_one_fader_and_faders_in_a_row(small):
    one = reweighted("dog: 2\ngrass: -1 @ 0-0.5", controller=following(small[1]))
    two = reweighted("grass: -1 @ 0-0.5", controller=reweighted("dog: 2", controller=following(small[1])))
    assert torch.equal(made(small, one), made(small, two))


SPLIT_WINDOWS = {
    "a scale": (
        lambda clip: reweighted("dog: 2 @ 0-0.8", controller=following(clip)),
        lambda clip: reweighted("dog: 2 @ 0-0.5\ndog: 2 @ 0.5-0.8", controller=following(clip)),
    ),
    "a move": (
        lambda clip: moved(clip, window=(0.0, 0.9)),
        lambda clip: moved(controller=moved(clip, window=(0.0, 0.25)), window=(0.25, 0.9)),
    ),
    "a word, whose last window counts": (
        lambda clip: following(clip, window=(0.0, 0.0), word_windows="dog: 0-0.4\nphoto: 0-0.4"),
        lambda clip: following(clip, window=(0.0, 0.0), word_windows="dog: 0-0.2\nphoto: 0-0.4\ndog: 0-0.4"),
    ),
}


@pytest.mark.parametrize(("whole", "split"), SPLIT_WINDOWS.values(), ids=SPLIT_WINDOWS)
def test_a_window_split_in_two(small, whole, split):
    """Where a step starts, at which one half ends and the other begins."""
    evenly = {"scheduler": "sgm_uniform"}  # steps start at 0, 1/4, 1/2 and 3/4
    found = made(small, whole(small[1]), **evenly)
    assert torch.equal(found, made(small, split(small[1]), **evenly))
    assert relative(found[1], made(small, following(small[1]), **evenly)[1]) > 1e-4


SINGLES = {name: make for name, make in KINDS.items() if name != "combine"}


@pytest.mark.parametrize("name", SINGLES)
def test_combined_targets_are_those_of_single_runs(small, name):
    first, second = SINGLES[name](small[1]), refined(small[1])
    both, alone, beside = (made(small, controller) for controller in (combined(first, second), first, second))
    assert relative(both[:2], alone) < ROUNDING
    assert relative(both[2], beside[1]) < ROUNDING
    turned = made(small, combined(second, first))
    assert relative(turned[[0, 2, 1]], both) < ROUNDING


def test_combined_three_times(small):
    """However they are joined."""
    a, b, c = following(small[1]), refined(small[1]), moved(small[1])
    left, right = made(small, combined(combined(a, b), c)), made(small, combined(a, combined(b, c)))
    assert torch.equal(left, right)
    assert relative(left[3], made(small, c)[1]) < ROUNDING


def test_what_is_set_on_a_combination_is_set_on_every_target(small):
    """Adding to all targets at once and to each before."""
    first, second = following(small[1]), refined(small[1])
    at_once = reweighted("grass: 2", controller=combined(first, second))
    before = combined(reweighted("grass: 2", controller=first), reweighted("grass: 2", controller=second))
    assert torch.equal(made(small, at_once), made(small, before))


@pytest.mark.parametrize("name", KINDS)
def test_a_batch_of_pictures_equals_single_pictures(small, name):
    controller = KINDS[name](small[1])
    together = made(small, controller, empty_latent(64, 64, batch=3)).split(controller.rows)
    for picture, found in enumerate(together):
        latent = {**empty_latent(64, 64), "batch_index": [picture]}
        assert relative(found, made(small, controller, latent)) < ROUNDING, picture
    assert relative(together[1], together[0]) > 1e-2


class TestBlends:
    """What a blend over everything, or over nothing, must be."""

    @pytest.mark.parametrize("name", ["replace", "refine", "reweight", "move"])
    def test_instead_with_a_white_mask_is_no_blend(self, small, name):
        controller = KINDS[name](small[1])
        everywhere = blended(controller, mask=EVERYTHING, mask_mode="instead", start=0.0)
        assert torch.equal(made(small, everywhere), made(small, controller))

    @pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "heun", "euler_ancestral", "uni_pc"])
    def test_under_every_kind_of_sampler(self, small, sampler):
        everywhere = blended(following(small[1]), mask=EVERYTHING, mask_mode="instead", start=0.0)
        assert torch.equal(made(small, everywhere, sampler=sampler), made(small, following(small[1]), sampler=sampler))

    def test_a_union_with_a_white_mask_is_no_blend(self, small):
        """But for the replaced attention that sees the words: a rounding error."""
        everywhere = blended(following(small[1]), mask=EVERYTHING, start=0.0)
        assert relative(made(small, everywhere), made(small, following(small[1]))) < ROUNDING

    def test_words_above_no_threshold_are_everywhere(self, small):
        """Softmax is nowhere zero, so that every place belongs to a word whose threshold is 0."""
        everywhere = blended(following(small[1]), threshold=0.0, start=0.0)
        assert relative(made(small, everywhere), made(small, following(small[1]))) < ROUNDING

    def test_an_intersection_with_a_white_mask_is_that_of_the_words(self, small):
        words = blended(following(small[1]), threshold=0.97)
        both = blended(following(small[1]), threshold=0.97, mask=EVERYTHING, mask_mode="intersection")
        assert torch.equal(made(small, words), made(small, both))
        assert relative(made(small, words)[1], made(small, following(small[1]))[1]) > 1e-3

    def test_a_blend_of_an_identity_is_one(self, small):
        same = blended(following(small[1], target=SOURCE), target_words="cat")
        samples = made(small, same)
        assert relative(samples, unedited(small, same)) < ROUNDING
        assert relative(samples[1], samples[0]) < ROUNDING

    def test_a_mask_and_its_complement(self, small):
        """Outside of one mask the target is its source; both halves are not."""
        for mask in (LEFT_HALF, 1 - LEFT_HALF):
            source, target = made(small, blended(following(small[1]), mask=mask, mask_mode="instead", start=0.0))
            inside = mask[0, ::8, ::8].bool()
            assert torch.equal(target[:, ~inside], source[:, ~inside])
            assert relative(target[:, inside], source[:, inside]) > 1e-3


def test_an_edit_of_a_picture_is_that_of_its_seed(small):
    """The target of no inheritance is the picture that its prompt and seed give without this pack."""
    found = made(small, following(small[1], window=(0.0, 0.0)))[1:]
    alone = sample(small[0], text(small[1], TARGET), plain_text(small[1], ""), empty_latent(64, 64))
    assert relative(found, alone) < ROUNDING
