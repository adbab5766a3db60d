"""Whose tensors the rows of a batch read: the short ways give what picking row by row gives."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from p2p.p2p_core.row_reads import row_reads

CPU = torch.device("cpu")


def row(value: int) -> torch.Tensor:
    return torch.full((2, 3), float(value))


def rows_from(start: int, count: int) -> torch.Tensor:
    return torch.stack([row(start + number) for number in range(count)]) if count else torch.empty(0, 2, 3)


@st.composite
def readers(draw):
    """Rows of the batch, sources behind them, and which row reads which other."""
    rows, sources = draw(st.integers(1, 6)), draw(st.integers(0, 4))
    others = draw(st.dictionaries(st.integers(0, rows - 1), st.integers(0, rows + sources - 1), max_size=rows))
    return rows, sources, others


@given(readers())
def test_every_row_reads_what_it_is_told_to(drawn):
    rows, sources, others = drawn
    reads = row_reads(others, rows, CPU)
    if not others:
        assert reads is None
        return
    batch, behind = rows_from(0, rows), rows_from(rows, sources)
    expected = torch.stack([row(others.get(number, number)) for number in range(rows)])
    assert torch.equal(reads(batch, behind), expected)
    assert torch.equal(batch, rows_from(0, rows)), "what was given is not changed"
    assert torch.equal(reads(torch.cat([batch, behind])), expected), "and so where they are in one already"


@pytest.mark.parametrize("others", [{0: 2}, {0: 2, 1: 3}, {1: 3}, {0: 3, 1: 3}, {1: 3, 0: 2}])
def test_a_source_that_was_recorded_costs_one_copy_of_the_batch(others):
    """No second tensor of all rows and sources is made on the way."""
    reads = row_reads(others, 2, CPU)
    largest = []

    class Counting(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            largest.append(result.shape[0])
            return result

    with Counting():
        reads(rows_from(0, 2), rows_from(2, 2))
    assert max(largest) == 2
