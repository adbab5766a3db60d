"""The mean maps of a recorded source's tokens at every step: small, and enough to see its words in later edits.

What an edit makes of the source's map is linear in its columns (see ``operators``), and so is the mean over heads and
layers: ``mean(A_s · M) = mean(A_s) · M``. Neither queries nor keys of the source are needed again to see its words.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import einsum

from .placement import Grid
from .word_maps import resized

_KIND = "token_maps"
_NUMBER = "(0|[1-9][0-9]*)"
_NAME = re.compile(f"{_KIND}/{_NUMBER}/{_NUMBER}/{_NUMBER}x{_NUMBER}")


@dataclass(frozen=True, eq=False)
class TokenMaps:
    """Of one prompt.

    Attributes:
        positions: of the tokens that have maps.
        maps: by step and grid, (pictures, tokens, height, width), the mean over the heads and layers of this grid.
    """

    positions: tuple[int, ...]
    maps: Mapping[int, Mapping[Grid, torch.Tensor]]

    def have(self, grids: Iterable[Grid]) -> bool:
        """Whether all steps have maps of these grids."""
        return all(grid in maps for maps in self.maps.values() for grid in grids)

    def know(self, columns: torch.Tensor) -> bool:
        """Whether all tokens have maps that (source tokens, words) takes."""
        others = torch.ones(len(columns), dtype=torch.bool)
        others[list(self.positions)] = False
        return not bool(columns[others].any())

    def seen(
        self, step: int, columns: torch.Tensor, layers: Mapping[Grid, int], size: Grid, device: torch.device
    ) -> torch.Tensor:
        """``mean(A_s) · columns`` at a step: (source tokens, words) → (pictures, words, height, width) float32.

        Args:
            layers: how many of every grid the mean is over.
            size: (height, width) of the result.
        """
        taken = columns[list(self.positions)].to(device)

        def words_on(grid: Grid) -> torch.Tensor:
            maps = self.maps[step][grid].to(device, torch.float32)
            return resized(einsum(maps, taken, "p t h w, t n -> p n h w"), size)

        sums = [count * words_on(grid) for grid, count in layers.items()]
        return torch.stack(sums).sum(dim=0) / sum(layers.values())


def token_map_name(entry: int, step: int, grid: Grid) -> str:
    """Under which name a record holds the maps of a prompt's tokens."""
    return f"{_KIND}/{entry}/{step}/{grid[0]}x{grid[1]}"


def read_token_map_name(name: str) -> tuple[int, int, Grid] | None:
    """Entry, step and grid of a ``token_map_name``; None for another."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    entry, step, height, width = map(int, match.groups())
    return entry, step, (height, width)


def token_positions(words: Iterable[Mapping[str, Any]]) -> tuple[int, ...]:
    """The tokens of a prompt that have maps, given what a record says of its words: all that belong to one."""
    return tuple(sorted({position for word in words for position in word["positions"]}))


def token_maps_of(
    tensors: Mapping[str, torch.Tensor], entry: int, words: Iterable[Mapping[str, Any]]
) -> TokenMaps | None:
    """Those of one prompt among the tensors of a record; None where there are none.

    Args:
        words: what the record says of the prompt's.
    """
    maps: dict[int, dict[Grid, torch.Tensor]] = defaultdict(dict)
    for name, tensor in tensors.items():
        if (read := read_token_map_name(name)) is not None and read[0] == entry:
            maps[read[1]][read[2]] = tensor
    return TokenMaps(token_positions(words), maps) if maps else None


def are_token_maps(
    shapes: Mapping[str, Sequence[int]], pictures: int, latent: Grid, prompts: Sequence[Mapping[str, Any]]
) -> bool:
    """Whether the tensors that are named like such maps can be some. They may come from any file.

    Args:
        shapes: of the tensors of a record, by name.
        prompts: what the record says of them.
    """
    return all(
        _can_be(name, tuple(shape), pictures, latent, prompts)
        for name, shape in shapes.items()
        if name.startswith(f"{_KIND}/")
    )


def _can_be(
    name: str, shape: tuple[int, ...], pictures: int, latent: Grid, prompts: Sequence[Mapping[str, Any]]
) -> bool:
    read = read_token_map_name(name)
    if read is None or read[0] >= len(prompts):
        return False
    entry, _, grid = read
    fits = all(0 < side <= whole for side, whole in zip(grid, latent, strict=True))
    return fits and shape == (pictures, len(token_positions(prompts[entry]["words"])), *grid)
