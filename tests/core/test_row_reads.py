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


class Stored:
    """Rows that are kept in another form."""

    def __init__(self, rows: torch.Tensor) -> None:
        self._rows, self.reads = rows.half(), 0

    def __len__(self) -> int:
        return len(self._rows)

    def read(self) -> torch.Tensor:
        self.reads += 1
        return self._rows.float()

    def read_into(self, rows: torch.Tensor) -> None:
        rows.copy_(self._rows)


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
    assert torch.equal(reads(batch, Stored(behind)), expected)
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


@pytest.mark.parametrize(("others", "reads_before"), [({1: 2}, 0), ({0: 2}, 1), ({0: 2, 1: 3}, 0), ({0: 3, 1: 2}, 1)])
def test_a_source_is_decoded_into_its_row_where_all_are_read_in_their_order(others, reads_before):
    sources = Stored(rows_from(2, 1 if others == {1: 2} else 2))
    row_reads(others, 2, CPU)(rows_from(0, 2), sources)
    assert sources.reads == reads_before


def test_gradients_reach_the_rows_that_stay():
    batch = rows_from(0, 3).requires_grad_()
    row_reads({1: 3}, 3, CPU)(batch, Stored(rows_from(3, 1))).sum().backward()
    assert torch.equal(batch.grad.sum(dim=(1, 2)), torch.tensor([6.0, 0.0, 6.0]))
