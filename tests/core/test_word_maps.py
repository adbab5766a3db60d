"""Maps of words, seen without making a map, against the explicit maps; and how they are summed over a run."""

import math

import pytest
import torch
import torch.nn.functional as F
from core_cases import TOKENIZER, fold, fractions, groups_of_edits, largest_difference, repeated_tokens
from einops import rearrange
from hypothesis import given, settings
from hypothesis import strategies as st
from p2p.p2p_core import naive
from p2p.p2p_core.edit import refine, replace, reweight
from p2p.p2p_core.operators import token_operators
from p2p.p2p_core.row_edits import row_edits
from p2p.p2p_core.windows import Window
from p2p.p2p_core.word_maps import MapSums, indicator, mean_over_heads, word_maps
from torch.utils._python_dispatch import TorchDispatchMode

HEADS, CHANNELS, GRID = 3, 4, (2, 3)
QUERIES = GRID[0] * GRID[1]
CAT = TOKENIZER.read("a fluffy red cat")


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def words_of(prompt):
    return tuple(word.positions for word in prompt.words)


def inputs(prompts, groups=1, repeats=1, seed=0):
    """q and k as (rows, heads, tokens, channels), the tokens of every prompt repeated to a common number."""
    tokens = repeats * math.lcm(*(prompt.token_count for prompt in prompts))
    width = HEADS * CHANNELS
    keys = [random(prompt.token_count, width, seed=seed + row) for row, prompt in enumerate(prompts * groups)]
    k = rearrange(repeated_tokens(keys, tokens), "r t (h c) -> r h t c", h=HEADS)
    return random(len(prompts) * groups, HEADS, QUERIES, CHANNELS, seed=seed + 1000), k


def seen(q, k, prompts, edits, progress):
    watched = indicator([words_of(p) for p in prompts], [p.token_count for p in prompts], k.shape[2])
    operators = [token_operators(edit, progress) for edit in edits]
    return looked_at(fold(q), fold(k), watched, operators)


def looked_at(q, k, watched, operators, heads=HEADS, grid=GRID):
    edits = row_edits([operators], len(q), k.shape[1], q.device, q.dtype)
    return word_maps(q, k, edits.values(watched.repeat(len(q) // len(watched), 1, 1)), edits, heads, grid)


class TestAgainstExplicitMaps:
    @settings(max_examples=120)
    @given(groups_of_edits(), fractions, st.integers(1, 2), st.integers(1, 2), st.integers(0, 50))
    def test_every_word_of_every_row_after_any_edit(self, edits, progress, groups, repeats, seed):
        prompts = [edits[0].source, *(edit.target for edit in edits)]
        q, k = inputs(prompts, groups, repeats, seed)
        # A target with its source's prompt and no edit is its source: that is what tells an identity from an edit.
        for row, edit in enumerate(edits, start=1):
            if edit.is_identity and edit.source == edit.target:
                for tensor in (q, k):
                    tensor.unflatten(0, (groups, -1))[:, row] = tensor.unflatten(0, (groups, -1))[:, 0]
        found = seen(q, k, prompts, edits, progress)
        for group in range(groups):
            rows = slice(group * len(prompts), (group + 1) * len(prompts))
            maps = naive.edited_cross_maps(q[rows], k[rows], edits, progress, GRID)
            for row, (row_map, prompt) in enumerate(zip(maps, prompts, strict=True)):
                row_found = found[group * len(prompts) + row]
                for word, positions in enumerate(words_of(prompt)):
                    expected = row_map[..., list(positions)].sum(-1).mean(0)
                    assert largest_difference(row_found[:, word], expected) < 1e-5
                assert not row_found[:, len(prompt.words) :].any()

    def test_rows_without_an_edit(self):
        q, k = inputs([CAT], groups=3)
        found = seen(q, k, [CAT], [], 0.0)
        maps = naive.attention_map(q, k)
        for word, positions in enumerate(words_of(CAT)):
            assert largest_difference(found[..., word], maps[..., list(positions)].sum(-1).mean(1)) < 1e-6

    def test_all_tokens_of_a_place_add_up_to_one(self):
        """Every token watched, those of no word too, and copies of tokens."""
        q, k = inputs([CAT], repeats=3)
        every = tuple((position,) for position in range(CAT.token_count))
        watched = indicator([every], [CAT.token_count], k.shape[2])
        found = looked_at(fold(q), fold(k), watched, [])
        assert largest_difference(found.sum(-1), torch.ones(1, QUERIES)) < 1e-6

    def test_copies_of_tokens_do_not_change_a_map(self):
        q, k = inputs([CAT])
        once = seen(q, k, [CAT], [], 0.0)
        assert largest_difference(seen(q, k.repeat(1, 1, 3, 1), [CAT], [], 0.0), once) < 1e-6

    def test_a_reweighted_word_is_seen_as_strong_as_it_is_read(self):
        edit = reweight(replace(CAT, CAT, Window(), None), "red", -2.0)
        q, k = inputs([CAT, CAT])
        found = seen(q, k, [CAT, CAT], [edit], 0.0)
        red = [word.text for word in CAT.words].index("red")
        assert largest_difference(found[1, :, red], -2 * found[0, :, red]) < 1e-6
        assert found[1, :, red].max() < 0

    def test_an_added_word_keeps_its_own_map(self):
        target = TOKENIZER.read("a fluffy red cat with a burger")
        q, k = inputs([CAT, target])
        found = seen(q, k, [CAT, target], [refine(CAT, target, Window(), None)], 0.0)
        plain = seen(q, k, [CAT, target], [refine(CAT, target, Window(0, 0), None)], 0.0)
        burger, cat = (next(i for i, w in enumerate(target.words) if w.text == text) for text in ("burger", "cat"))
        assert largest_difference(found[1, :, burger], plain[1, :, burger]) < 1e-6
        assert largest_difference(found[1, :, cat], plain[0, :, cat]) < 1e-6
        assert largest_difference(plain[1, :, cat], plain[0, :, cat]) > 1e-3

    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 1e-3), (torch.bfloat16, 6e-3)])
    def test_half_precision(self, dtype, tolerance):
        q, k = inputs([CAT])
        watched = indicator([words_of(CAT)], [CAT.token_count], k.shape[2]).to(dtype)
        found = looked_at(fold(q).to(dtype), fold(k).to(dtype), watched, [])
        assert found.dtype == dtype
        assert largest_difference(found, seen(q, k, [CAT], [], 0.0)) < tolerance


class TestIndicator:
    def test_words_of_rows_side_by_side(self):
        found = indicator([((1, 2), (4,)), ((3,),)], [5, 5], 5)
        assert found.shape == (2, 5, 8)
        assert found.nonzero().tolist() == [[0, 1, 0], [0, 2, 0], [0, 4, 1], [1, 3, 0]]
        assert set(found.unique().tolist()) == {0.0, 1.0}

    def test_copies(self):
        found = indicator([((1,),), ((5,),)], [3, 6], 6)
        assert found.nonzero().tolist() == [[0, 1, 0], [0, 4, 0], [1, 5, 0]]

    @pytest.mark.parametrize(("words", "width"), [(0, 8), (1, 8), (8, 8), (9, 16), (75, 80)])
    def test_values_of_aligned_width(self, words, width):
        """Kernels want values whose width is a multiple of eight."""
        assert indicator([tuple((word,) for word in range(words))], [77], 77).shape == (1, 77, width)

    def test_a_word_of_no_token_is_seen_nowhere(self):
        assert not indicator([((), ())], [4], 4).any()


class _Sizes(TorchDispatchMode):
    """The sizes of all tensors that operators make."""

    def __init__(self):
        super().__init__()
        self.made = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        results = result if isinstance(result, tuple) else (result,)
        self.made += [(str(function), tensor.numel()) for tensor in results if torch.is_tensor(tensor)]
        return result


def test_no_map_is_made_outside_the_kernel(monkeypatch):
    """heads·queries·tokens numbers are never there at once but inside ``scaled_dot_product_attention``."""
    heads, queries, tokens = 8, 256, 77
    q, k = random(2, queries, heads * 4), random(2, tokens, heads * 4)
    watched = indicator([((1,), (2, 3))] * 2, [tokens] * 2, tokens)
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda q, k, v: q.new_zeros(*q.shape[:-1], v.shape[-1]))
    with _Sizes() as sizes:
        looked_at(q, k, watched, [None], heads, (16, 16))
    assert sizes.made
    assert max(size for _, size in sizes.made) < 2 * heads * queries * tokens / 4


def test_the_mean_over_heads():
    q, k = inputs([CAT])
    values = random(1, CAT.token_count, 2)
    found = mean_over_heads(HEADS)(fold(q), fold(k), values)
    expected = (naive.attention_map(q, k) @ values[:, None]).mean(1)
    assert largest_difference(found, expected) < 1e-6


class TestSums:
    def pictures(self, seed, grid=(4, 6), rows=2, words=3):
        maps = random(rows, grid[0] * grid[1], words, seed=seed)
        return maps, rearrange(maps, "r (h w) n -> r n h w", h=grid[0])

    def test_the_mean_over_layers_and_steps(self):
        sums = MapSums()
        pictures = []
        for number, (step, site) in enumerate((step, site) for step in range(3) for site in "ab"):
            maps, picture = self.pictures(number)
            sums.add(step, site, maps, (4, 6), (4, 6))
            pictures.append(picture)
        assert sums.steps == (0,)
        assert largest_difference(sums.mean()[0], torch.stack(pictures).mean(0)) < 1e-6

    def test_every_step_by_itself(self):
        sums = MapSums(keep_steps=True)
        pictures = {}
        for number, (step, site) in enumerate([(4, "a"), (1, "a"), (1, "b"), (2, "a")]):
            maps, picture = self.pictures(number)
            sums.add(step, site, maps, (4, 6), (4, 6))
            pictures.setdefault(step, []).append(picture)
        assert sums.steps == (1, 2, 4)
        expected = torch.stack([torch.stack(pictures[step]).mean(0) for step in (1, 2, 4)])
        assert largest_difference(sums.mean(), expected) < 1e-6

    def test_a_site_is_wanted_once_per_step(self):
        sums = MapSums()
        assert sums.wants(0, "a")
        sums.add(0, "a", self.pictures(0)[0], (4, 6), (4, 6))
        assert not sums.wants(0, "a")
        assert sums.wants(0, "b")
        assert sums.wants(1, "a")

    def test_smaller_grids_are_brought_to_size(self):
        maps, picture = self.pictures(0, grid=(2, 3))
        sums = MapSums()
        sums.add(0, "a", maps, (2, 3), (4, 6))
        expected = F.interpolate(picture, size=(4, 6), mode="bilinear", align_corners=False)
        assert torch.equal(sums.mean()[0], expected)
        # A place of half the fineness stands in the middle of four: no map is shifted by its grid.
        assert largest_difference(sums.mean()[0].mean((-2, -1)), picture.mean((-2, -1))) < 0.3

    def test_a_ramp_keeps_its_place_at_another_size(self):
        ramp = torch.arange(8.0).repeat(4, 1).reshape(1, 32, 1)
        sums = MapSums()
        sums.add(0, "a", ramp, (4, 8), (8, 16))
        row = sums.mean()[0, 0, 0, 3]
        assert torch.allclose(row[1:-1], (torch.arange(16.0) * 0.5 - 0.25)[1:-1])

    def test_nothing_was_seen(self):
        assert MapSums().mean() is None
        assert MapSums().steps == ()

    def test_half_precision_maps_are_summed_in_full(self):
        sums = MapSums()
        for step in range(4096):
            sums.add(step, "a", torch.full((1, 1, 1), 0.5, dtype=torch.float16), (1, 1), (1, 1))
        assert sums.mean().dtype == torch.float32
        assert sums.mean().item() == 0.5

    def test_what_was_given_stays_as_it_was(self):
        """Sums may begin with a view of the maps, and must not write into them."""
        maps, _ = self.pictures(0)
        before = maps.clone()
        sums = MapSums()
        for step in range(2):
            sums.add(step, "a", maps, (4, 6), (4, 6))
        assert torch.equal(maps, before)
