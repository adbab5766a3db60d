"""What is kept of a record in a budget: the stated order, and a sentence that says it."""

import pytest
from p2p.p2p_core.errors import P2PError
from p2p.p2p_core.record_budget import Piece, within_budget

COARSE, MIDDLE, FINE = (8, 8), (16, 8), (16, 16)
ONE = 2**20  # bytes of every piece here: the shape is one MiB in int8, but for the scales


def piece(kind, step, grid) -> Piece:
    return Piece(kind, step, grid, 4, (1, 2**16, 1), "fp32")


PIECES = [piece(kind, step, grid) for step in range(4) for grid in (FINE, COARSE, MIDDLE) for kind in ("cross", "self")]


def kept(budget, **settings) -> list[tuple]:
    found = within_budget(PIECES, budget, **settings)
    assert sum(piece.nbytes for piece in found.kept) <= budget * ONE
    assert sorted((*found.kept, *found.dropped), key=str) == sorted(PIECES, key=str)
    return [(piece.kind, piece.grid) for piece in found.kept if piece.step == 0]


def test_bytes():
    assert piece("self", 0, FINE).nbytes == ONE
    assert Piece("cross", 0, FINE, 3, (2, 256, 64), "int8").nbytes == 3 * (2 * 256 * 64 + 4 * 2 * 64)


def test_the_order():
    every = {(kind, grid) for kind in ("cross", "self") for grid in (FINE, MIDDLE, COARSE)}
    leaves = [("self", FINE), ("self", MIDDLE), ("cross", FINE), ("cross", MIDDLE), ("self", COARSE)]
    for count in range(6):
        assert set(kept(24 - 4 * count)) == every - set(leaves[:count])
        if count:
            assert set(kept(24 - 4 * count + 3.9)) == every - set(leaves[:count])


def test_the_last_steps_go_in_the_end():
    for budget in (1, 2, 3, 3.5):
        found = within_budget(PIECES, budget)
        assert [(piece.kind, piece.grid, piece.step) for piece in found.kept] == [
            ("cross", COARSE, step) for step in range(int(budget))
        ]


def test_what_is_always_kept_counts():
    assert len(kept(24)) == 6 and len(kept(24, always=1)) == 5


def test_maps_of_key_words_go_as_queries_do():
    words = [piece("words", 0, grid) for grid in (FINE, COARSE)]
    assert within_budget(words, 1).kept == (words[1],)


def test_self_attention_alone():
    alone = [piece for piece in PIECES if piece.kind == "self"]
    assert {(piece.grid, piece.step) for piece in within_budget(alone, 2).kept} == {(COARSE, 0), (COARSE, 1)}


def test_sentences():
    assert within_budget(PIECES, 30).sentence == "The record takes 24.0 MiB of 30 MiB."
    assert within_budget(PIECES, 3).sentence == (
        "The record would take 24.0 MiB and may take 3 MiB: it leaves out self-attention at 16×16 (4.0 MiB), "
        "self-attention at 8×16 (4.0 MiB), cross-attention at 16×16 (4.0 MiB), cross-attention at 8×16 (4.0 MiB), "
        "self-attention at 8×8 (4.0 MiB) and the last 1 of 4 steps (1.0 MiB), and keeps 3.0 MiB. int8, coarse grids, "
        "key words, a lower resolution or a shorter window let it keep more."
    )
    assert "leaves out self-attention at 16×16 (4.0 MiB), and keeps 20.0 MiB" in within_budget(PIECES, 20).sentence


@pytest.mark.parametrize("budget", [0.999, 0.001])
def test_too_little_for_anything(budget):
    with pytest.raises(P2PError) as caught:
        within_budget(PIECES, budget)
    sentence = str(caught.value)
    assert "cross-attention of its first step at 8×8" in sentence and "takes 1.0 MiB" in sentence
    assert all(cure in sentence for cure in ("int8", "coarse grids", "key words", "resolution", "window"))


def test_latents_that_do_not_fit():
    with pytest.raises(P2PError, match=r"first step at 8×8, with the latents, takes 6.0 MiB"):
        within_budget(PIECES, 4, always=5 * ONE)
    with pytest.raises(P2PError, match=r"the latents alone take 5.0 MiB"):
        within_budget([], 4, always=5 * ONE)
