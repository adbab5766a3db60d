"""Maps as small grey tiles."""

import pytest
import torch
from p2p.p2p_core.map_tiles import LARGEST_SIDE, MOST_TILES, tile_size, tiles_of


@pytest.mark.parametrize("grid", [(1, 1), (16, 16), (64, 64), (128, 96), (40, 200), (1, 500)])
@pytest.mark.parametrize("count", [1, 7, MOST_TILES])
def test_tiles_are_small_and_keep_their_shape(grid, count):
    height, width = tile_size(grid, count)
    assert 1 <= height <= min(grid[0], LARGEST_SIDE) and 1 <= width <= min(grid[1], LARGEST_SIDE)
    assert count * height * width <= 1 << 16
    assert abs(height - width * grid[0] / grid[1]) <= 1 + grid[0] / grid[1]


def test_a_small_grid_stays_as_it_is():
    assert tile_size((12, 20), MOST_TILES) == (12, 20)


def test_each_tile_has_its_own_scale():
    maps = torch.tensor([[[0.0, 0.2], [0.1, 0.4]], [[0.0, 0.0], [0.003, 0.001]]])
    assert tiles_of(maps, (2, 2)).tolist() == [[[0, 128], [64, 255]], [[0, 0], [255, 85]]]


def test_a_map_without_anything_is_black_and_what_is_negative_too():
    assert tiles_of(torch.stack([torch.zeros(2, 2), -torch.ones(2, 2)]), (2, 2)).sum() == 0


def test_smaller_tiles_are_means():
    maps = torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]])
    assert tiles_of(maps, (1, 2)).tolist() == [[[255, 255]]]
