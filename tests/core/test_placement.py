"""Where a word's attention is put: the fused warp against the explicit one, place by place."""

import pytest
import torch
from core_cases import largest_difference
from hypothesis import given, settings
from hypothesis import strategies as st
from p2p.p2p_core import naive
from p2p.p2p_core.placement import Placement, centre_of, places_of
from p2p.p2p_core.placement import place as place_at

GRIDS = [(8, 8), (4, 6), (7, 3), (1, 5)]
offsets = st.floats(-1, 1).map(lambda value: round(value, 3))
placements = st.builds(Placement, offsets, offsets, st.sampled_from([0.25, 0.5, 0.8, 1.0, 1.3, 2.0, 4.0]))


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def place(output, grid, placement, centre):
    return place_at(output, places_of(grid, placement, torch.zeros(1, 2) if centre is None else centre))


def as_places(centre, grid):
    """x and y in −1…1 → (row, column) in places of the grid."""
    x, y = centre.tolist()
    return ((y + 1) * grid[0] - 1) / 2, ((x + 1) * grid[1] - 1) / 2


@settings(max_examples=100)
@given(placements, st.sampled_from(GRIDS), st.integers(0, 20))
def test_a_warp_equals_the_explicit_one(placement, grid, seed):
    columns = random(2, grid[0] * grid[1], 3, seed=seed)
    centres = torch.stack([centre_of(columns[row, :, :1].mT, grid)[0] for row in range(2)])
    found = place(columns, grid, placement, centres)
    for row in range(2):
        expected = naive.moved_map(columns[row : row + 1], grid, placement, as_places(centres[row], grid))
        assert largest_difference(found[row : row + 1], expected) < 1e-5


@pytest.mark.parametrize("grid", GRIDS)
def test_the_centre_is_that_of_the_mass(grid):
    word_map = random(2, grid[0] * grid[1]).pow(4)
    found = centre_of(word_map, grid)
    for row in range(2):
        expected = naive._centre_of_mass(word_map[row], grid)
        assert as_places(found[row], grid) == pytest.approx(expected, abs=1e-4)


def test_the_centre_of_one_place_is_its_middle():
    word_map = torch.zeros(1, 4, 8)
    word_map[0, 3, 1] = 5
    assert centre_of(word_map.flatten(1), (4, 8))[0].tolist() == pytest.approx([-1 + 3 / 8, 1 - 1 / 4])


def test_the_centre_of_nothing_is_the_middle():
    assert centre_of(torch.zeros(1, 6), (2, 3))[0].tolist() == [0, 0]


@pytest.mark.parametrize("grid", [(8, 8), (4, 16), (32, 8)])
def test_whole_places_are_copied(grid):
    """A quarter to the right and half of the height up."""
    height, width = grid
    picture = random(1, height, width, 2)
    found = place(picture.flatten(1, 2), grid, Placement(0.25, -0.5), None).reshape(1, height, width, 2)
    expected = torch.zeros_like(picture)
    expected[:, : height // 2, width // 4 :] = picture[:, height // 2 :, : -width // 4]
    assert largest_difference(found, expected) < 1e-6


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 1e-3), (torch.bfloat16, 8e-3)])
@pytest.mark.parametrize("grid", [(24, 42), (48, 84), (128, 96)])
def test_half_precision_values_are_put_as_exactly(dtype, tolerance, grid):
    """Coordinates in half precision would be off by a good part of a place on grids that are no power of two."""
    output = random(1, grid[0] * grid[1], 2)
    placement, centre = Placement(0.3, -0.1, 1.3), torch.tensor([[0.21, 0.4]])
    found = place(output.to(dtype), grid, placement, centre)
    assert found.dtype == dtype
    assert largest_difference(found, place(output, grid, placement, centre)) < tolerance


def test_no_placement_changes_nothing():
    output = random(2, 24, 3)
    assert Placement().is_identity
    assert largest_difference(place(output, (4, 6), Placement(), None), output) < 1e-6


def test_out_of_the_picture_is_nothing():
    assert not place(random(1, 16, 1), (4, 4), Placement(1.0), None).any()
    assert not place(random(1, 16, 1), (4, 4), Placement(0.0, -1.0), None).any()


def test_a_resize_leaves_its_centre_where_it_is():
    grid = (16, 16)
    rows, columns = torch.arange(16.0)[:, None] - 7, torch.arange(16.0) - 9
    word_map = torch.exp(-(rows**2 + columns**2) / 4.5).flatten()[None]
    centre = centre_of(word_map, grid)
    for scale in (0.5, 1.5, 2.0):
        resized = place(word_map[..., None], grid, Placement(scale=scale), centre)[..., 0]
        assert largest_difference(centre_of(resized, grid), centre) < 0.02
        assert resized.sum() / word_map.sum() == pytest.approx(scale**2, rel=0.03)


def test_the_centre_is_only_needed_for_a_resize():
    output, centre = random(1, 24, 1), torch.tensor([[0.3, -0.2]])
    shift = Placement(0.2, 0.1)
    assert largest_difference(place(output, (4, 6), shift, centre), place(output, (4, 6), shift, None)) < 1e-6


@settings(max_examples=50)
@given(placements, placements)
def test_two_in_one(first, second):
    both = first.then(second)
    assert both == second.then(first)
    assert (both.offset_x, both.offset_y) == (first.offset_x + second.offset_x, first.offset_y + second.offset_y)
    assert both.scale == first.scale * second.scale


def test_a_warp_commutes_with_the_values():
    """Why no map is needed: ``warp(A) · V = warp(A · V)``."""
    grid, placement, centre = (4, 6), Placement(0.2, -0.3, 0.7), torch.tensor([[0.1, 0.2]])
    attention, values = random(1, 24, 5), random(1, 5, 7, seed=1)
    first = place(attention, grid, placement, centre) @ values
    assert largest_difference(first, place(attention @ values, grid, placement, centre)) < 1e-5
