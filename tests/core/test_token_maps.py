"""Mean maps of tokens: what is made of them is what single maps make, and no file can pass off others as such."""

import pytest
import torch
from p2p.p2p_core.token_maps import (
    TokenMaps,
    are_token_maps,
    read_token_map_name,
    token_map_name,
    token_maps_of,
    token_positions,
)
from p2p.p2p_core.word_maps import word_columns

CPU = torch.device("cpu")
WORDS = [{"positions": [2, 3]}, {"positions": [5]}, {"positions": [3]}]
PROMPTS = [{"words": WORDS}]


def drawn() -> dict[str, torch.Tensor]:
    """Of two pictures and two steps, tokens 2, 3 and 5 on two grids."""
    noise = torch.Generator().manual_seed(0)
    return {
        token_map_name(0, step, grid): torch.rand(2, 3, *grid, generator=noise)
        for step in (0, 4)
        for grid in ((4, 6), (2, 3))
    }


def test_words_are_sums_of_tokens_and_the_mean_of_all_layers():
    tensors = drawn()
    maps = token_maps_of(tensors, 0, WORDS)
    assert maps.positions == token_positions(WORDS) == (2, 3, 5)
    assert sorted(maps.maps) == [0, 4]
    columns = word_columns([(2, 3), (5,), ()], 7)
    fine, coarse = tensors["token_maps/0/4/4x6"], tensors["token_maps/0/4/2x3"]
    large = torch.nn.functional.interpolate(coarse, size=(4, 6), mode="bilinear", align_corners=False)
    mean = (fine + 3 * large) / 4
    seen = maps.seen(4, columns, {(4, 6): 1, (2, 3): 3}, (4, 6), CPU)
    assert seen.shape == (2, 3, 4, 6)
    torch.testing.assert_close(seen[:, 0], mean[:, 0] + mean[:, 1])
    torch.testing.assert_close(seen[:, 1], mean[:, 2])
    assert not seen[:, 2].any()


def test_half_precision_is_summed_in_single():
    maps = TokenMaps((0,), {0: {(1, 1): torch.tensor(60000.0).half().reshape(1, 1, 1, 1)}})
    assert maps.seen(0, torch.tensor([[2.0]]), {(1, 1): 1}, (1, 1), CPU).item() == 120000


def test_what_they_know():
    maps = token_maps_of(drawn(), 0, WORDS)
    assert maps.know(word_columns([(2, 5), ()], 7))
    assert not maps.know(word_columns([(2, 4)], 7))
    assert maps.have([(4, 6), (2, 3)])
    assert not maps.have([(8, 12)])
    assert token_maps_of(drawn(), 1, WORDS) is None


def test_a_grid_that_one_step_lacks():
    tensors = drawn()
    del tensors["token_maps/0/4/4x6"]
    maps = token_maps_of(tensors, 0, WORDS)
    assert maps.have([(2, 3)])
    assert not maps.have([(4, 6)])


def test_names():
    assert read_token_map_name(token_map_name(3, 12, (32, 48))) == (3, 12, (32, 48))
    for other in (
        "token_maps/0/0",
        "token_maps/00/0/1x1",
        "token_maps/0/0/1x-1",
        "word_maps/0",
        "token_maps/0/0/1x1/2",
    ):
        assert read_token_map_name(other) is None


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("token_maps/0/0/4x6", (2, 3, 4, 5)),  # another grid than it says
        ("token_maps/0/0/4x6", (1, 3, 4, 6)),  # another number of pictures
        ("token_maps/0/0/4x6", (2, 4, 4, 6)),  # more tokens than the words have
        ("token_maps/0/0/4x6", (2, 3, 24)),
        ("token_maps/1/0/4x6", (2, 3, 4, 6)),  # of a prompt that is not there
        ("token_maps/0/0/9x6", (2, 3, 9, 6)),  # larger than the latents
        ("token_maps/0/0/0x6", (2, 3, 0, 6)),
        ("token_maps/0/x/4x6", (2, 3, 4, 6)),
    ],
)
def test_what_cannot_be(name, shape):
    assert are_token_maps({"token_maps/0/0/4x6": (2, 3, 4, 6), "noise": (7,)}, 2, (8, 12), PROMPTS)
    assert not are_token_maps({name: shape}, 2, (8, 12), PROMPTS)
