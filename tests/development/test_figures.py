"""The measures, on masks and pictures whose figures are known."""

import math

import pytest
import torch
from p2p.development import figures


def square(top, left, side=8, size=32, rows=1):
    mask = torch.zeros(rows, size, size)
    mask[:, top : top + side, left : left + side] = 1
    return mask


def test_found_counts_the_wanted_class():
    probability = torch.tensor([[0.1, 0.9], [0.8, 0.2]])
    assert figures.found(probability, 1).tolist() == [1, 0]


def test_overlap_of_equal_half_and_separate_masks():
    assert figures.mask_iou(square(4, 4), square(4, 4)).item() == 1
    assert math.isclose(figures.mask_iou(square(4, 4), square(4, 8)).item(), 1 / 3)
    assert figures.mask_iou(square(0, 0), square(16, 16)).item() == 0


def test_overlap_where_nothing_is_seen():
    assert figures.mask_iou(square(0, 0, side=0), square(0, 0, side=0)).item() == 0


def test_distance_is_in_pixels_of_128():
    assert math.isclose(figures.centroid_distance(square(4, 4), square(7, 8)).item(), 5 * 128 / 32)


def test_distance_to_nothing_has_no_meaning():
    distance = figures.centroid_distance(square(4, 4), square(0, 0, side=0))
    assert torch.isnan(distance).all()
    assert figures.mean([2.0, *distance.tolist()]) == 2


def test_background_leaves_out_both_masks():
    source = torch.zeros(1, 32, 32, 3)
    target = source + 0.1
    target[:, :8, :8] = 1
    target[:, 16:24, 16:24] = 1
    psnr = figures.background_psnr(source, target, square(0, 0), square(16, 16))
    assert math.isclose(psnr.item(), 20, abs_tol=1e-4)


def test_background_of_equal_pictures_is_a_number():
    picture = torch.rand(2, 32, 32, 3)
    psnr = figures.background_psnr(picture, picture, square(0, 0, rows=2), square(0, 0, rows=2))
    assert psnr.tolist() == [figures.LARGEST_PSNR] * 2


def test_background_of_a_full_mask_has_no_meaning():
    picture = torch.rand(1, 32, 32, 3)
    full = torch.ones(1, 32, 32)
    assert torch.isnan(figures.background_psnr(picture, picture, full, full)).all()


def test_largest_difference_is_in_steps_of_a_byte():
    first = torch.zeros(1, 2, 2, 3)
    second = first.clone()
    second[0, 1, 0, 2] = 3 / 255
    assert math.isclose(figures.largest_difference(first, second), 3, rel_tol=1e-6)


def test_mean_of_nothing_is_none():
    assert figures.mean([]) is None
    assert figures.mean([None, math.nan]) is None
    assert figures.mean([1.0, None, 3.0]) == 2


def test_background_beyond_a_margin_leaves_out_what_is_near():
    source = torch.zeros(1, 32, 32, 3)
    target = source + 0.1
    target[:, :8, :8] = 1
    target[:, 8:12, :12] = 1  # an edge of four pixels below the mask
    mask = square(0, 0)
    assert figures.background_psnr(source, target, mask, mask).item() < 19
    assert math.isclose(figures.background_psnr(source, target, mask, mask, margin=4).item(), 20, abs_tol=1e-4)
    assert figures.background_psnr(source, target, mask, mask, margin=3).item() < 19.9


@pytest.mark.parametrize(
    ("left", "top", "offset", "part"),
    [(12, 4, (0.25, 0.0), 1), (8, 4, (0.25, 0.0), 0.5), (0, 4, (0.25, 0.0), -0.5), (4, 0, (0.0, -0.125), 1)],
)
def test_moved_part_is_of_the_asked_distance(left, top, offset, part):
    assert math.isclose(figures.moved_part(square(4, 4), square(top, left), offset).item(), part)


def test_moved_part_knows_width_from_height():
    source, target = torch.zeros(1, 32, 64), torch.zeros(1, 32, 64)
    source[:, 8:16, 8:16] = target[:, 8:16, 24:32] = 1
    assert math.isclose(figures.moved_part(source, target, (0.25, 0.0)).item(), 1)
    assert math.isclose(figures.moved_part(source, target, (0.0, 0.25)).item(), 0, abs_tol=1e-9)


def test_what_is_gone_has_not_moved():
    assert torch.isnan(figures.moved_part(square(4, 4), square(0, 0, side=0), (0.25, 0.0))).all()


def test_area_ratio():
    assert figures.area_ratio(square(0, 0, side=4), square(9, 9, side=8)).tolist() == [4]
    assert torch.isnan(figures.area_ratio(square(0, 0, side=0), square(0, 0))).all()


def test_cells_that_a_mask_touches_change_as_a_whole():
    source, target = torch.zeros(1, 32, 32, 3), torch.ones(1, 32, 32, 3)
    mask = torch.zeros(1, 32, 32)
    mask[:, 7, 8] = 1  # one pixel of the cell above, the second from the left
    blended = figures.blended_by_cells(source, target, mask, square(0, 0, side=0))
    assert blended[0, 0:8, 8:16].min() == 1
    assert blended.sum() == 8 * 8 * 3
    assert torch.equal(figures.blended_by_cells(source, target, square(0, 0, side=0), mask), blended)


def test_mass_of_a_map_that_knows_nothing_is_its_share():
    mask = square(0, 0, side=16)
    assert math.isclose(figures.mass_ratio(torch.ones(1, 4, 4), mask).item(), 1)


def test_mass_of_a_map_inside_its_mask_is_the_largest_there_is():
    mask = square(8, 8, side=16)
    inside = torch.zeros(1, 32, 32)
    inside[:, 12:20, 12:20] = 1
    assert math.isclose(figures.mass_ratio(inside, mask).item(), 4)
    assert figures.largest_mass_ratio(mask).tolist() == [4]
    assert figures.mass_ratio(1 - mask, mask).item() == 0


def test_a_floor_hides_what_a_map_knows():
    mask = square(0, 0, side=16)
    maps = torch.ones(1, 32, 32) + 3 * mask
    assert math.isclose(figures.mass_ratio(maps, mask).item(), 16 / 7)
    assert math.isclose(figures.mass_ratio(figures.without_floor(maps), mask).item(), 4)


def test_mass_without_a_mask_or_map_has_no_meaning():
    nothing = square(0, 0, side=0)
    assert torch.isnan(figures.mass_ratio(torch.ones(1, 4, 4), nothing)).all()
    assert torch.isnan(figures.mass_ratio(torch.zeros(1, 4, 4), square(0, 0))).all()
    assert torch.isnan(figures.largest_mass_ratio(nothing)).all()


@pytest.mark.parametrize(("values", "rising"), [([1, 2, 3], True), ([1, 1, 2], False), ([1, 3, 2], False), ([1], True)])
def test_rising_means_every_step(values, rising):
    assert figures.is_rising(values) == rising
