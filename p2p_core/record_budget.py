"""What of a record is kept where not everything fits: what an edit can best do without goes first.

The order: self-attention on all grids but the coarsest, from the finest; cross-attention from the finest grid to the
coarsest but one; self-attention of the coarsest grid; then the last steps, since the layout of a picture is settled in
the first ones. A grid goes for all steps or for none: an edit is to be the same kind of edit throughout.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .errors import P2PError
from .record_precision import Precision, bytes_of

PieceKind = Literal["cross", "self", "words"]
_MIB = 2**20
_SELF = "self"


@dataclass(frozen=True)
class Piece:
    """Tensors that are alike, of one step.

    Attributes:
        kind: queries of cross-attention, queries and keys of self-attention, or maps of key words, in place of the
            first.
        step: from 0.
        grid: (height, width) of the attention, which may be finer than what is kept of it.
        count: of the tensors.
        shape: of each of them, as it is kept.
    """

    kind: PieceKind
    step: int
    grid: tuple[int, int]
    count: int
    shape: tuple[int, ...]
    precision: Precision

    @property
    def nbytes(self) -> int:
        return self.count * bytes_of(self.shape, self.precision)


@dataclass(frozen=True)
class KeptPieces:
    """What fits. ``sentence``: what is left out and why, or that nothing is, for people."""

    kept: tuple[Piece, ...]
    dropped: tuple[Piece, ...]
    sentence: str


def within_budget(pieces: Sequence[Piece], budget: float, always: int = 0) -> KeptPieces:
    """What is kept of these pieces, in their order.

    Args:
        budget: MiB.
        always: bytes that are kept whatever happens, such as latents and noise.

    Raises:
        P2PError: nothing would be left that an edit could work with.
    """
    room = int(budget * _MIB) - always
    kept, left_out = list(pieces), []

    def leave_out(name: str, goes: Callable[[Piece], bool]) -> None:
        left_out.append(f"{name} ({_mib(_size(filter(goes, kept)))})")
        kept[:] = [piece for piece in kept if not goes(piece)]

    for name, goes in _by_grid(pieces):
        if _size(kept) > room:
            leave_out(name, goes)
    if _size(kept) > room:
        steps = sorted({piece.step for piece in kept})
        few = _first_steps(kept, steps, room)
        if not few:
            raise _too_little(kept, min(steps, default=0), budget, always)
        leave_out(f"the last {len(steps) - len(few)} of {len(steps)} steps", lambda piece: piece.step not in few)
    are_kept = set(kept)
    dropped = tuple(piece for piece in pieces if piece not in are_kept)
    return KeptPieces(tuple(kept), dropped, _sentence(_size(pieces) + always, _size(kept) + always, budget, left_out))


def _by_grid(pieces: Sequence[Piece]) -> Iterator[tuple[str, Callable[[Piece], bool]]]:
    """What goes for all steps, in that order, each with its name; never what is needed most."""
    own = _grids(piece for piece in pieces if piece.kind == _SELF)
    cross = _grids(piece for piece in pieces if piece.kind != _SELF)
    order = [(True, grid) for grid in own[:-1]] + [(False, grid) for grid in cross[:-1]]
    if cross:
        order += [(True, grid) for grid in own[-1:]]
    for is_self, grid in order:
        name = f"{'self' if is_self else 'cross'}-attention at {_grid_name(grid)}"
        yield name, lambda piece, is_self=is_self, grid=grid: (piece.kind == _SELF) == is_self and piece.grid == grid


def _grids(pieces: Iterable[Piece]) -> list[tuple[int, int]]:
    """From the finest to the coarsest."""
    return sorted({piece.grid for piece in pieces}, key=lambda grid: (grid[0] * grid[1], grid), reverse=True)


def _first_steps(pieces: Sequence[Piece], steps: Sequence[int], room: int) -> set[int]:
    """As many as fit."""
    few: set[int] = set()
    for step in steps:
        room -= _size(piece for piece in pieces if piece.step == step)
        if room < 0:
            break
        few.add(step)
    return few


def _size(pieces: Iterable[Piece]) -> int:
    return sum(piece.nbytes for piece in pieces)


def _too_little(pieces: Sequence[Piece], step: int, budget: float, always: int) -> P2PError:
    alone = f"the latents alone take {_mib(always)}"
    if first := [piece for piece in pieces if piece.step == step]:
        kind = "self" if first[0].kind == _SELF else "cross"
        what = f"the {kind}-attention of its first step at {_grid_name(first[0].grid)}"
        alone = f"{what}, with the latents, takes {_mib(_size(first) + always)}"
    return P2PError(
        f"The record does not fit: {alone}, and it may take {budget:g} MiB. Choose int8 as precision, coarse grids "
        "only, key words only, a lower resolution or a shorter window, or allow it more memory."
    )


def _sentence(wanted: int, kept: int, budget: float, left_out: Sequence[str]) -> str:
    if not left_out:
        return f"The record takes {_mib(kept)} of {budget:g} MiB."
    *others, last = left_out
    parts = f"{', '.join(others)} and {last}" if others else last
    return (
        f"The record would take {_mib(wanted)} and may take {budget:g} MiB: it leaves out {parts}, and keeps "
        f"{_mib(kept)}. int8, coarse grids, key words, a lower resolution or a shorter window let it keep more."
    )


def _grid_name(grid: tuple[int, int]) -> str:
    """As people say it: width first."""
    return f"{grid[1]}×{grid[0]}"


def _mib(size: int) -> str:
    return f"{size / _MIB:.1f} MiB"
