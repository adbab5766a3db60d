"""The objectives of attention guidance on maps that can be worked out by hand."""

import pytest
import torch
from p2p.p2p_core.attention_objectives import (
    BeHere,
    BeInBox,
    BePresent,
    BeThisBig,
    SeenWords,
    centroids,
    sharpened,
    smoothed,
)
from p2p.p2p_core.guidance import LARGEST_CHANGE, change
from p2p.p2p_core.reference_attention import StayLikeMaps

SIZE = 8


def block(top: int, left: int, height: int = 2, width: int = 2, size: int = SIZE) -> torch.Tensor:
    """A map that is 0.5 in a block of places and 0.01 elsewhere."""
    result = torch.full((size, size), 0.01)
    result[top : top + height, left : left + width] = 0.5
    return result


def seen(*maps: torch.Tensor, there=None, all_words=None) -> SeenWords:
    """One row with these words."""
    stacked = torch.stack(maps)[None]
    total = stacked.sum(1, keepdim=True) if all_words is None else all_words
    return SeenWords(stacked, total, torch.ones(1, len(maps), dtype=torch.bool) if there is None else there)


def loss(objective, words: SeenWords) -> float:
    (found,) = objective.losses(words, 0.0)
    return float(found)


def test_a_word_with_a_place_of_its_own_is_present():
    place = torch.zeros(SIZE, SIZE)
    place[2:5, 2:5] = 0.5
    rest = torch.zeros(SIZE, SIZE)
    rest[6:, 6:] = 0.5
    assert loss(BePresent(), seen(place, all_words=place[None, None] + rest)) == pytest.approx(0, abs=1e-5)
    assert loss(BePresent(), seen(place, all_words=2 * place[None, None] + rest)) == pytest.approx(0.5, abs=1e-5)


def test_the_word_that_is_missed_most_counts():
    maps = torch.rand(1, 3, SIZE, SIZE)
    words = SeenWords(maps, torch.full((1, 1, SIZE, SIZE), 1.5), torch.tensor([[True, True, True]]))
    peaks = smoothed(words.shares).amax((2, 3))[0]
    assert loss(BePresent(), words) == pytest.approx(float(1 - peaks.min()))
    weakest = int(peaks.argmin())
    there = torch.ones(1, 3, dtype=torch.bool)
    there[0, weakest] = False
    assert loss(BePresent(), SeenWords(maps, words.all_words, there)) < loss(BePresent(), words)


def test_no_single_place_makes_a_word_present():
    single = torch.zeros(SIZE, SIZE)
    single[4, 4] = 1
    assert float(smoothed(single[None, None]).amax()) == pytest.approx(0.619, abs=1e-3)  # 3×3, spread 0.5
    assert float(smoothed(torch.ones(1, 1, SIZE, SIZE)).amin()) == pytest.approx(1)


@pytest.mark.parametrize(("top", "left", "x", "y"), [(0, 0, 0.125, 0.125), (6, 2, 0.375, 0.875)])
def test_centres_are_in_fractions_of_the_picture(top, left, x, y):
    words = seen(block(top, left))
    assert centroids(sharpened(words.maps))[0, 0].tolist() == pytest.approx([x, y], abs=1e-2)
    assert loss(BeHere(x, y), words) == pytest.approx(0, abs=0.02)
    assert loss(BeHere(x + 0.1, y + 0.05), words) == pytest.approx(0.15, abs=0.02)


def test_width_and_height_are_not_mixed_up():
    wide = torch.full((4, 16), 0.01)
    wide[0, 12:] = 0.5
    assert centroids(sharpened(seen(wide).maps))[0, 0].tolist() == pytest.approx([0.875, 0.125], abs=1e-2)
    assert loss(BeInBox(0.875, 0.125, 0.25, 0.25), seen(wide)) < 1e-3
    assert loss(BeInBox(0.125, 0.875, 0.25, 0.25), seen(wide)) > 0.9


@pytest.mark.parametrize("side", [2, 4])
def test_a_size_is_a_part_of_the_area(side):
    words = seen(block(1, 1, side, side))
    size = side**2 / SIZE**2
    assert loss(BeThisBig(size), words) == pytest.approx(0, abs=1e-2)
    assert loss(BeThisBig(size + 0.2), words) == pytest.approx(0.2, abs=1e-2)


def test_a_box_counts_places_by_the_part_that_lies_in_it():
    words = seen(block(2, 2, 2, 2))
    assert loss(BeInBox(0.375, 0.375, 0.25, 0.25), words) == pytest.approx(0, abs=1e-3)
    assert loss(BeInBox(0.3125, 0.375, 0.125, 0.25), words) == pytest.approx(0.25, abs=1e-2)
    assert loss(BeInBox(0.875, 0.875, 0.25, 0.25), words) == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("objective", [BePresent(), BeHere(0.9, 0.9), BeThisBig(0.9), BeInBox(0.9, 0.9, 0.1, 0.1)])
def test_a_row_without_the_word_loses_nothing_and_rows_do_not_mix(objective):
    maps = torch.rand(2, 2, SIZE, SIZE, requires_grad=True)
    words = SeenWords(maps, maps.sum(1, keepdim=True) + 1, torch.tensor([[True, True], [False, False]]))
    losses = objective.losses(words, 0.0)
    assert losses.tolist()[1] == 0 < losses.tolist()[0]
    (gradient,) = torch.autograd.grad(losses.sum(), maps)
    assert not gradient[1].any()
    assert gradient[0].any()


def test_maps_of_a_reference_are_taken_at_the_same_progress():
    early, late = block(0, 0), block(6, 6)
    objective = StayLikeMaps((0.0, 0.5), torch.stack([early, late])[:, None, None])
    assert torch.allclose(objective.at(0.25)[0, 0], (early + late) / 2)
    assert torch.equal(objective.at(0.9)[0, 0], late)
    assert float(objective.losses(seen(early), 0.0)[0]) == pytest.approx(0, abs=1e-6)
    assert float(objective.losses(seen(early), 0.5)[0]) > 1


def test_a_reference_of_another_grid_is_fitted_and_unknown_words_do_not_count():
    large = torch.nn.functional.interpolate(block(2, 2)[None, None], size=(16, 16), mode="nearest")[0, 0]
    objective = StayLikeMaps((0.0,), torch.stack([large, torch.full((16, 16), torch.nan)])[None, None])
    words = seen(block(2, 2), torch.rand(SIZE, SIZE))
    assert float(objective.losses(words, 0.0)[0]) < 0.2
    alone = StayLikeMaps((0.0,), torch.full((1, 1, 1, SIZE, SIZE), torch.nan))
    assert float(alone.losses(seen(block(2, 2)), 0.0)[0]) == 0


def quadratic(count: int, distance: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A linear loss that is 0 after going this far: latents, losses, gradient."""
    direction = torch.randn(1, 4, count, count, generator=torch.Generator().manual_seed(0))
    direction /= direction.norm()
    return direction, torch.tensor([distance]), direction


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_an_update_does_not_depend_on_the_unit_of_the_loss(factor):
    direction, losses, gradient = quadratic(8, 0.1)
    made = change(gradient * factor, losses * factor, 1.0, torch.zeros(1), 0.0)
    assert torch.allclose(made, -0.1 * direction, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.0, 3.0, 14.0])
def test_no_update_is_larger_than_a_part_of_the_latents_deviation(sigma):
    _, losses, gradient = quadratic(8, 1e6)
    made = change(gradient, losses, 1.0, torch.tensor([sigma]), 0.0)
    assert float(made.square().mean().sqrt()) == pytest.approx(LARGEST_CHANGE * (sigma**2 + 1) ** 0.5, rel=1e-4)
    assert float((change(gradient, losses, 2.0, torch.tensor([sigma]), 0.0) / made).mean()) == pytest.approx(2)


def test_rows_with_nothing_missing_or_a_broken_gradient_stay():
    gradient = torch.ones(3, 4, 2, 2)
    gradient[1] = torch.inf
    made = change(gradient, torch.tensor([0.0, 1.0, 1.0]), 1.0, torch.ones(3), 0.0)
    assert made.isfinite().all()
    assert not made[:2].any()
    assert made[2].any()
