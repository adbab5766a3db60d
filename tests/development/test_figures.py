"""The measures, on masks and pictures whose figures are known."""

import math

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
