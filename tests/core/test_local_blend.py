"""Local blend: its masks against the published code's outputs, the naive formula, and each rule by itself."""

import pytest
import torch
from core_cases import fold, largest_difference
from core_golden import edit_case, paper_windows, prompts_of_edit
from p2p.p2p_core import naive
from p2p.p2p_core.edit import refine, replace
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.local_blend import LocalBlend, blend_mask, blended, user_mask
from p2p.p2p_core.operators import plan
from p2p.p2p_core.row_edits import row_edits
from p2p.p2p_core.word_maps import MapSums, indicator, word_maps

GRID, SIZE = (8, 8), (16, 16)
WORDS = LocalBlend(source=(1,), target=(1,))


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def blend(**settings) -> LocalBlend:
    return LocalBlend(**{"source": (1,), "target": (1,), **settings})


def with_keep(change: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
    """(groups, height, width) maps of what may change and what must not, as ``blend_mask`` takes them."""
    return torch.stack([change, torch.zeros_like(change) if keep is None else keep], dim=1)


def spot(*places, grid=GRID) -> torch.Tensor:
    """A map of one picture that is 1 at some places."""
    picture = torch.zeros(1, *grid)
    for row, column in places:
        picture[0, row, column] = 1
    return picture


class TestPublished:
    """``edit_replace_blend`` and ``edit_refine_blend``: edited maps, summed over the steps, threshold 0.3."""

    @pytest.fixture(params=["replace_blend", "refine_blend"])
    def golden(self, request):
        case, tensors = edit_case(request.param)
        source, *targets = prompts_of_edit(case)
        make = refine if case["kind"].startswith("refine") else replace
        edits = [make(source, target, *paper_windows(case, target)) for target in targets]
        return case, tensors, edits

    @staticmethod
    def words_of_rows(case, edits) -> list[tuple[int, ...]]:
        prompts = [edits[0].source, *(edit.target for edit in edits)]
        return [
            tuple(sorted({position for word in words.split() for position in prompt.find(word)}))
            for prompt, words in zip(prompts, case["blend"], strict=True)
        ]

    def test_maps_that_were_never_made_blend_as_published(self, golden):
        case, tensors, edits = golden
        steps, heads, rows = case["steps"], case["heads"], 1 + len(edits)
        words = self.words_of_rows(case, edits)
        plans = [plan(edit, [step / steps for step in range(steps)]) for edit in edits]
        watched = indicator([(positions, ()) for positions in words], [case["tokens"]] * rows, case["tokens"])
        sums = MapSums()
        for step in range(steps):
            q, k = (fold(tensors[f"{name}.{step}"]) for name in "qk")
            operators = [steps_of_edit[step] for steps_of_edit in plans]
            edited = row_edits([operators], len(q), k.shape[1], q.device, q.dtype)
            values = edited.values(watched.repeat(len(q) // rows, 1, 1))
            sums.add(step, "layer", word_maps(q, k, values, edited, heads, GRID), GRID, GRID)
            seen = sums.mean()[0]
            masks = torch.stack(
                [blend_mask(seen[:1, :2], seen[row : row + 1, :2], WORDS, SIZE) for row in range(1, rows)], 1
            )
            found = blended(tensors[f"x_in.{step}"], masks, rows)
            assert largest_difference(found, tensors[f"x_out.{step}"]) < 1e-6
            assert masks.any()

    def test_the_published_masks_are_neither_empty_nor_full(self, golden):
        """Else the comparison above would mean nothing. (Two of the ten steps of refine have full ones.)"""
        case, tensors, _ = golden
        changes = [
            largest_difference(tensors[f"x_in.{step}"], tensors[f"x_out.{step}"]) for step in range(case["steps"])
        ]
        assert sum(change > 0.1 for change in changes) >= 8
        for step in range(case["steps"]):
            source, target = tensors[f"x_out.{step}"]
            assert largest_difference(source, target) > 0.1


class TestAgainstTheFormula:
    @pytest.mark.parametrize("grid", [(8, 8), (4, 6), (7, 3)])
    @pytest.mark.parametrize("threshold", [0.0, 0.3, 0.8])
    def test_any_targets_groups_and_grids(self, grid, threshold):
        """Several targets, several groups, latents that are no whole multiple of the grid."""
        groups, rows, heads, tokens, size = 2, 3, 4, 5, (17, 13)
        maps = random(groups, rows, heads, grid[0] * grid[1], tokens).pow(40)
        latents = random(groups * rows, 4, *size, seed=1)
        positions = [(1, 3), (2,), (4,)]
        expected = torch.cat(
            [
                naive.local_blend(latents[group * rows : (group + 1) * rows], maps[group], positions, grid, threshold)
                for group in range(groups)
            ]
        )
        seen = [maps[:, row][..., list(positions[row])].sum(-1).mean(1).unflatten(1, grid) for row in range(rows)]
        masks = torch.stack(
            [
                blend_mask(with_keep(seen[0]), with_keep(seen[row]), blend(threshold=threshold), size)
                for row in range(1, rows)
            ],
            dim=1,
        )
        assert masks.shape == (groups, rows - 1, 1, *size)
        assert largest_difference(blended(latents, masks, rows), expected) < 1e-6
        if threshold:
            assert not masks.all()

    def test_groups_do_not_see_each_other(self):
        """The threshold is a part of the largest value of each picture."""
        faint = torch.cat([random(1, *GRID), 1e-4 * random(1, *GRID, seed=1)])
        together = blend_mask(with_keep(faint), with_keep(faint), WORDS, SIZE)
        for group in range(2):
            alone = blend_mask(with_keep(faint[group : group + 1]), with_keep(faint[group : group + 1]), WORDS, SIZE)
            assert torch.equal(together[group : group + 1], alone)

    def test_the_mean_and_the_sum_of_maps_have_one_mask(self):
        maps = with_keep(random(2, *GRID), random(2, *GRID, seed=1))
        assert torch.equal(
            blend_mask(maps, maps.flip(0), WORDS, SIZE), blend_mask(37 * maps, 37 * maps.flip(0), WORDS, SIZE)
        )

    def test_a_word_spreads_by_one_place_of_the_grid(self):
        found = blend_mask(with_keep(spot((3, 5))), with_keep(spot((3, 5))), WORDS, SIZE)
        expected = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
        expected[..., 4:10, 8:14] = True
        assert torch.equal(found, expected)

    def test_source_and_target_places_are_joined(self):
        found = blend_mask(with_keep(spot((0, 0))), with_keep(spot((7, 7))), WORDS, GRID)
        expected = torch.zeros(1, 1, *GRID, dtype=torch.bool)
        expected[..., :2, :2] = expected[..., 6:, 6:] = True
        assert torch.equal(found, expected)


class TestKeepWords:
    def test_they_are_taken_out_without_spreading(self):
        """As published (``substruct_words``): the maps of what must not change are not pooled."""
        change, keep = torch.ones(1, *GRID), spot((3, 5))
        found = blend_mask(with_keep(change, keep), with_keep(change), WORDS, SIZE)
        expected = torch.ones(1, 1, *SIZE, dtype=torch.bool)
        expected[..., 6:8, 10:12] = False
        assert torch.equal(found, expected)

    @pytest.mark.parametrize("side", ["source", "target"])
    def test_either_prompt_keeps(self, side):
        kept, free = with_keep(torch.ones(1, *GRID), spot((0, 0))), with_keep(torch.ones(1, *GRID))
        found = blend_mask(*((kept, free) if side == "source" else (free, kept)), WORDS, GRID)
        assert found.sum() == 63
        assert not found[0, 0, 0, 0]

    def test_the_threshold_is_a_part_of_their_own_largest_value(self):
        keep = torch.full((1, *GRID), 0.31e-3)
        keep[0, 0, 0] = 1e-3
        change = torch.ones(1, *GRID)
        assert not blend_mask(with_keep(change, keep), with_keep(change), blend(threshold=0.3), GRID).any()
        found = blend_mask(with_keep(change, keep), with_keep(change), blend(threshold=0.32), GRID)
        assert found.sum() == 63


class TestQuantile:
    @pytest.mark.parametrize("threshold", [0.25, 0.5, 0.75])
    def test_it_is_the_part_of_the_picture_that_stays(self, threshold):
        """Rising from row to row, so that spreading only makes two rows equal."""
        rising = torch.arange(64.0).reshape(1, 64, 1).expand(1, 64, 4)
        found = blend_mask(with_keep(rising), with_keep(rising), blend(threshold=threshold, rule="quantile"), (64, 4))
        assert found.float().mean() == 1 - threshold

    def test_words_that_must_not_change_are_cut_by_it_too(self):
        change, keep = random(1, *GRID), random(1, *GRID, seed=1)
        settings = blend(threshold=0.75, rule="quantile")
        without = blend_mask(with_keep(change), with_keep(change), settings, GRID)
        found = blend_mask(with_keep(change, keep), with_keep(change), settings, GRID)
        kept = keep.flatten().argsort(descending=True)[:16]  # a quarter of the places
        assert torch.equal(
            found.flatten().nonzero().flatten(),
            torch.tensor([place for place in without.flatten().nonzero().flatten().tolist() if place not in kept]),
        )

    @pytest.mark.parametrize("threshold", [0.25, 0.5, 0.75])
    def test_spread_maps_are_cut_at_their_own_quantile(self, threshold):
        values = random(1, *GRID)
        pooled = torch.nn.functional.max_pool2d(values, 3, stride=1, padding=1)
        ordered, rank = pooled.flatten().sort().values, threshold * 63
        limit = ordered[int(rank)] + (rank - int(rank)) * (ordered[int(rank) + 1] - ordered[int(rank)])
        found = blend_mask(with_keep(values), with_keep(values), blend(threshold=threshold, rule="quantile"), GRID)
        assert torch.equal(found[0], pooled >= limit)

    def test_it_does_not_depend_on_the_strength_of_one_place(self):
        values = random(1, *GRID)
        peaked = values.clone()
        peaked.view(-1)[values.argmax()] = 1e6
        for rule, same in (("quantile", True), ("max", False)):
            settings = blend(threshold=0.5, rule=rule)
            masks = [blend_mask(with_keep(maps), with_keep(maps), settings, SIZE) for maps in (values, peaked)]
            assert torch.equal(*masks) == same


class TestEmptyMaps:
    """methods.md 2.10, 5: a division by zero made the published edit vanish without a word."""

    @pytest.mark.parametrize("rule", ["max", "quantile"])
    def test_a_map_of_zeros_has_no_place(self, rule):
        nothing, something = torch.zeros(1, *GRID), spot((2, 2))
        settings = blend(rule=rule, threshold=0.0)
        assert not blend_mask(with_keep(nothing), with_keep(nothing), settings, SIZE).any()
        assert blend_mask(with_keep(nothing), with_keep(something), settings, SIZE).sum() == 36
        assert blend_mask(with_keep(something, nothing), with_keep(nothing), settings, SIZE).sum() == 36

    def test_an_empty_mask_makes_the_target_its_source(self):
        latents = random(2, 4, *SIZE)
        found = blended(latents, torch.zeros(1, 1, 1, *SIZE, dtype=torch.bool), 2)
        assert torch.equal(found, latents[:1].expand(2, -1, -1, -1))

    def test_the_largest_threshold_leaves_no_place(self):
        maps = with_keep(random(1, *GRID))
        assert not blend_mask(maps, maps, blend(threshold=1.0), SIZE).any()

    def test_the_smallest_threshold_leaves_every_place_that_has_any(self):
        maps = with_keep(random(1, *GRID) + 0.01)
        assert blend_mask(maps, maps, blend(threshold=0.0), SIZE).all()


class TestDrawnMask:
    WORDS_AT = spot((0, 0))  # of the words: rows and columns 0 and 1
    DRAWN = torch.zeros(1, *GRID)
    DRAWN[0, 1:3, :] = 1

    def mask(self, mode, drawn=DRAWN, groups=1, **settings):
        maps = with_keep(self.WORDS_AT.expand(groups, -1, -1))
        return blend_mask(maps, maps, blend(mask=drawn, mask_mode=mode, **settings), GRID)

    def test_union(self):
        expected = self.DRAWN[None].bool()
        expected[..., :2, :2] = True
        assert torch.equal(self.mask("union"), expected)

    def test_intersection(self):
        assert self.mask("intersection").nonzero()[:, 2:].tolist() == [[1, 0], [1, 1]]

    def test_instead(self):
        settings = blend(mask=self.DRAWN, mask_mode="instead")
        assert not settings.needs_maps
        assert torch.equal(self.mask("instead"), self.DRAWN[None].bool())
        assert torch.equal(user_mask(settings, 1, torch.device("cpu"), GRID), self.DRAWN[None].bool())

    def test_words_that_must_not_change_do_not_take_from_a_drawn_mask(self):
        """Union: the person who draws a place wants it changed."""
        change = with_keep(torch.zeros(1, *GRID), torch.ones(1, *GRID))
        found = blend_mask(change, change, blend(mask=self.DRAWN), GRID)
        assert torch.equal(found, self.DRAWN[None].bool())

    @pytest.mark.parametrize("masks", [1, 2])
    def test_several_masks_are_used_in_turn(self, masks):
        drawn = torch.cat([self.DRAWN, self.DRAWN.mT])[:masks]
        found = self.mask("instead", drawn, groups=4)
        for group in range(4):
            assert torch.equal(found[group, 0], drawn[group % masks].bool())

    def test_a_fine_mask_is_averaged_not_sampled(self):
        """A mask of the picture's size is eight times the latent's: a single white pixel is no place."""
        fine = torch.zeros(1, 64, 64)
        fine[:, 0, 0] = 1
        fine[:, 32:, 32:] = 1
        found = user_mask(blend(mask=fine, mask_mode="instead"), 1, torch.device("cpu"), GRID)
        expected = torch.zeros(1, 1, *GRID, dtype=torch.bool)
        expected[..., 4:, 4:] = True
        assert torch.equal(found, expected)

    def test_it_needs_no_words(self):
        assert LocalBlend(source=(), target=(), mask=self.DRAWN, mask_mode="instead").mask is self.DRAWN


class TestBlended:
    def test_bit_equal_on_both_sides_of_the_mask(self):
        latents = random(6, 4, *SIZE) * 100
        masks = random(2, 2, 1, *SIZE, seed=1) > 0.5
        found = blended(latents, masks, 3).unflatten(0, (2, 3))
        groups = latents.unflatten(0, (2, 3))
        assert torch.equal(found[:, 0], groups[:, 0])
        inside = masks.expand(-1, -1, 4, -1, -1)
        assert torch.equal(found[:, 1:][inside], groups[:, 1:][inside])
        assert torch.equal(found[:, 1:][~inside], groups[:, :1].expand(-1, 2, -1, -1, -1)[~inside])

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_it_keeps_the_type(self, dtype):
        latents = random(2, 4, *SIZE).to(dtype)
        found = blended(latents, random(1, 1, 1, *SIZE) > 0.5, 2)
        assert found.dtype == dtype

    def test_half_precision_maps_have_the_mask_of_their_values(self):
        maps = with_keep(random(1, *GRID)).half()
        assert torch.equal(blend_mask(maps, maps, WORDS, SIZE), blend_mask(maps.float(), maps.float(), WORDS, SIZE))

    def test_twice_is_once(self):
        latents, masks = random(2, 4, *SIZE), random(1, 1, 1, *SIZE, seed=1) > 0.5
        once = blended(latents, masks, 2)
        assert torch.equal(blended(once, masks, 2), once)


class TestRefusals:
    @pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
    @pytest.mark.parametrize("name", ["threshold", "start"])
    def test_a_fraction_outside_0_to_1(self, name, value):
        with pytest.raises(P2PError, match=f"The {name} of the local blend is .*use 0 to 1"):
            blend(**{name: value})

    def test_neither_words_nor_a_mask(self):
        with pytest.raises(P2PError, match="neither words that may change nor a mask"):
            LocalBlend(source=(), target=())
