"""Heat maps, hues, masks and refinement: what the colours and numbers mean."""

import itertools

import pytest
import torch
from core_attention import row, row_stochastic, store
from p2p.p2p_core.attention_pictures import heat_colours, heat_map, hue_map, hues, mask_of, shares
from p2p.p2p_core.attention_refinement import refined, resized
from p2p.p2p_core.attention_words import word_columns
from p2p.p2p_core.errors import P2PError

PICTURE = torch.rand(24, 48, 3, generator=torch.Generator().manual_seed(1))
SPOT = torch.zeros(4, 8)
SPOT[1, 6] = 0.2


def lightness(colours: torch.Tensor) -> torch.Tensor:
    """CIE L*, 0 to 100, of sRGB colours."""
    linear = torch.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ torch.tensor([0.2126, 0.7152, 0.0722])
    return torch.where(luminance > 0.008856, 116 * luminance.clamp(min=1e-9) ** (1 / 3) - 16, 903.3 * luminance)


class TestColours:
    def test_lightness_rises_evenly_with_the_value(self):
        steps = lightness(heat_colours(torch.linspace(0, 1, 101))).diff()
        assert steps.min() > 0
        assert steps.max() < 1.5 * steps.mean()  # 1.37; jet goes up and down again

    def test_shape_and_ends(self):
        colours = heat_colours(torch.tensor([[-1.0, 0.0, 1.0], [2.0, 0.5, 0.5]]))
        assert colours.shape == (2, 3, 3)
        assert colours.dtype == torch.float32
        assert torch.equal(colours[0, 0], colours[0, 1])
        assert torch.equal(colours[0, 2], colours[1, 0])

    @pytest.mark.parametrize("count", [0, 1, 2, 5, 12])
    def test_hues_are_equally_light_and_apart(self, count):
        colours = hues(count)
        assert colours.shape == (count, 3)
        assert ((colours >= 0) & (colours <= 1)).all()
        if count:
            assert lightness(colours).max() - lightness(colours).min() < 5
        for one, other in itertools.combinations(colours, 2):
            assert (one - other).abs().max() > 0.1


class TestHeatMap:
    def test_opacity_0_is_the_picture_and_1_the_map(self):
        torch.testing.assert_close(heat_map(PICTURE, SPOT, 0.2, 0.0), PICTURE)
        alone = heat_map(PICTURE, SPOT, 0.2, 1.0)
        torch.testing.assert_close(alone, heat_colours(resized(SPOT, 24, 48) / 0.2))
        torch.testing.assert_close(hue_map(PICTURE, [SPOT], [0.2], hues(1), 0.0), PICTURE)

    def test_the_light_is_where_the_word_looks(self):
        """The spot is in the second of four rows and the seventh of eight columns."""
        light = lightness(heat_map(torch.zeros_like(PICTURE), SPOT, 0.2, 1.0))
        assert light[6:12, 36:42].mean() > 2 * light[:, :24].mean()

    @pytest.mark.parametrize("grid", [(4, 8), (8, 16), (3, 5), (64, 64), (1, 1)])
    @pytest.mark.parametrize("size", [(24, 48), (48, 24), (7, 13)])
    def test_any_grid_over_any_picture(self, grid, size):
        attention = torch.rand(grid)
        assert heat_map(torch.rand(*size, 3), attention, 1.0, 0.5).shape == (*size, 3)
        assert mask_of(attention, 0.5, *size).shape == size

    def test_a_word_twice_as_strong_in_a_shared_scale_is_twice_the_share(self):
        torch.testing.assert_close(shares(2 * SPOT, 0.8, 24, 48), 2 * shares(SPOT, 0.8, 24, 48))

    @pytest.mark.parametrize("attention", [torch.zeros(4, 8), -torch.ones(4, 8), torch.full((4, 8), torch.nan)])
    def test_no_attention_is_the_darkest_colour(self, attention):
        alone = heat_map(PICTURE, attention, 0.0, 1.0)
        torch.testing.assert_close(alone, heat_colours(torch.zeros(24, 48)))


class TestHueMap:
    def test_each_place_has_the_hue_of_its_word(self):
        left, right = torch.zeros(1, 8), torch.zeros(1, 8)
        left[0, :4], right[0, 4:] = 1.0, 1.0
        colours = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        mixed = hue_map(torch.zeros(8, 64, 3), [left, right], [1.0, 1.0], colours, 1.0)
        torch.testing.assert_close(mixed[:, :24], colours[0].expand(8, 24, 3))
        torch.testing.assert_close(mixed[:, 40:], colours[1].expand(8, 24, 3))

    def test_the_stronger_word_gives_the_colour(self):
        colours = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        maps = [torch.full((2, 2), 0.9), torch.full((2, 2), 0.3)]
        red, _, blue = hue_map(torch.zeros(4, 4, 3), maps, [1.0, 1.0], colours, 1.0)[0, 0]
        assert red > 100 * blue

    def test_where_no_word_looks_there_is_no_colour(self):
        mixed = hue_map(PICTURE, [SPOT], [0.2], hues(1), 1.0)
        far = mixed[:, :24]
        torch.testing.assert_close(far, far.mean(dim=-1, keepdim=True).expand_as(far))

    def test_no_words(self):
        assert hue_map(PICTURE, [], [], hues(0), 0.6).shape == PICTURE.shape


class TestMask:
    @pytest.mark.parametrize(("threshold", "columns"), [(0.2, 7), (0.4, 5), (0.6, 3), (0.8, 1)])
    def test_threshold_is_a_part_of_the_largest_value(self, threshold, columns):
        attention = 0.3 * torch.tensor([[0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25]])
        mask = mask_of(attention, threshold, 1, 7)
        assert mask.sum() == columns
        assert mask[0, 3] == 1

    def test_it_is_binary_and_its_largest_place_is_always_in_it(self):
        for threshold in (0.0, 0.5, 1.0):
            mask = mask_of(SPOT, threshold, 25, 49)
            assert set(mask.unique().tolist()) <= {0.0, 1.0}
            assert mask.sum() >= 1
        assert mask_of(SPOT, 0.0, 25, 49).all()

    @pytest.mark.parametrize("attention", [torch.zeros(4, 8), -torch.ones(4, 8), torch.full((4, 8), torch.nan)])
    @pytest.mark.parametrize("threshold", [0.0, 0.5])
    def test_a_word_that_nothing_looks_at_has_an_empty_mask(self, attention, threshold):
        assert not mask_of(attention, threshold, 24, 48).any()


class TestRefinement:
    def test_it_is_the_power_of_the_self_attention_stretched_to_the_values_before(self):
        self_map, attention = row_stochastic(4, 6), torch.rand(4, 6) - 0.2
        matrix = self_map.double().reshape(24, 24)
        matrix = matrix / matrix.sum(dim=1, keepdim=True)
        for times in (1, 2, 5):
            expected = (torch.linalg.matrix_power(matrix, times) @ attention.double().flatten()).reshape(4, 6)
            expected = (expected - expected.min()) / (expected.max() - expected.min())
            expected = attention.min() + expected * (attention.max() - attention.min())
            torch.testing.assert_close(refined(attention, self_map, times).double(), expected, rtol=1e-5, atol=1e-5)

    def test_0_times_is_the_map_itself(self):
        attention = torch.rand(3, 3)
        assert refined(attention, row_stochastic(4, 6), 0) is attention
        assert refined(attention, None, 0) is attention

    def test_an_even_map_stays_as_it_is_on_every_grid(self):
        for grid in ((4, 6), (8, 12), (2, 3), (16, 5)):
            torch.testing.assert_close(refined(torch.full(grid, 0.3), row_stochastic(4, 6), 3), torch.full((4, 6), 0.3))

    def test_a_spot_fills_the_region_that_looks_at_itself(self):
        """Two regions, left and right, whose places look at their own region only."""
        side = (torch.arange(8) >= 5).float()
        of_place = side.expand(4, 8).flatten()
        same = (of_place[:, None] == of_place[None]).float()
        self_map = (same / same.sum(dim=1, keepdim=True)).reshape(4, 8, 4, 8).half()
        mask = mask_of(refined(SPOT, self_map, 1), 0.5, 4, 8)
        assert torch.equal(mask, side.expand(4, 8))

    def test_without_self_attention_it_says_how_to_record_it(self):
        filled = store(row(0, "cat"))
        with pytest.raises(P2PError, match=r"none was recorded: turn self_maps on.*set refine to 0"):
            word_columns(filled, refine=1)
        assert word_columns(store(row(0, "cat", self_map=row_stochastic(2, 3))), refine=1)[0][0].attention.shape == (
            2,
            3,
        )


@pytest.mark.parametrize("size", [(4, 8), (2, 4), (3, 5), (9, 17), (1, 30)])
def test_resizing_keeps_the_range_and_an_even_map(size):
    assert resized(SPOT, *size).shape == size
    assert resized(SPOT, *size).min() >= 0
    assert resized(SPOT, *size).max() <= SPOT.max() + 1e-6
    torch.testing.assert_close(resized(torch.full((4, 8), 0.7), *size), torch.full(size, 0.7))
