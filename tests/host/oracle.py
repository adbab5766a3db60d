"""The same edit with explicit maps: every attention layer replaced by ``p2p_core.naive``, through the host's own API.

Works for one positive prompt group in a run whose calls of one step have one noise level. It shares no code with
``_host`` but the meaning of progress.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from p2p.nodes._host.guarding import EDITS
from p2p.nodes._host.progress import progress_of
from p2p.p2p_core import naive
from p2p.p2p_core.edit import Edit

from .beside.explicit import in_grids, start_of_step

SITES = [
    (block, number, index)
    for block, numbers in (("input", range(12)), ("middle", [0]), ("output", range(12)))
    for number in numbers
    for index in range(2)
]
POSITIVE, NEGATIVE = 0, 1  # the host's numbers of the two conditions


def with_explicit_maps(model, edits, largest_self_grid: int | None = None, see: Callable | None = None):
    """A clone of the model that edits rows ``[source, targets …]`` of the positive with materialised maps.

    Args:
        edits: of every group; empty for a run without an edit.
        largest_self_grid: the longest side of a grid at which self-attention is edited; None: every edit's own grids.
        see: called with (condition, the maps of its rows, options) at every cross-attention.
    """
    oracle = model.clone()
    oracle.set_attachments(EDITS, True)  # it edits too, so the positive of P2P Apply is for it
    sampling = model.get_model_object("model_sampling")

    def replaced(edited, plain):
        def function(q, k, v, options):
            (progress,) = progress_of(sampling, start_of_step(options))
            folded = [rearrange(t, "b t (h c) -> b h t c", h=options["n_heads"]) for t in (q, k, v)]
            conditions = options["cond_or_uncond"]
            outputs = []
            for chunk, condition in zip(
                zip(*(t.chunk(len(conditions)) for t in folded), strict=True), conditions, strict=True
            ):
                if condition == POSITIVE and edits:
                    groups = zip(*(t.split(1 + len(edits)) for t in chunk), strict=True)
                    outputs += [edited(*group, options, progress) for group in groups]
                else:
                    outputs.append(plain(*chunk, options, condition))
            return rearrange(torch.cat(outputs), "b h t c -> b t (h c)").to(q.dtype)

        return function

    def acting_here(edit: Edit, options) -> Edit:
        if largest_self_grid is None:
            acts = in_grids(edit.self_grids, options)
        else:
            acts = max(options["activations_shape"][-2:]) <= largest_self_grid
        return edit if acts else replace(edit, self_window=None)

    def self_attention(q, k, v, options, progress):
        return naive.self_attention(q, k, v, [acting_here(edit, options) for edit in edits], progress)

    def cross_attention(q, k, v, options, progress):
        grid = tuple(options["activations_shape"][-2:])
        if see is not None:
            see(POSITIVE, naive.edited_cross_maps(q, k, edits, progress, grid), options)
        return naive.cross_attention(q, k, v, edits, progress, grid)

    def plain_attention(q, k, v, options, condition):
        return naive.attention_map(q, k) @ v.float()

    def plain_cross_attention(q, k, v, options, condition):
        maps = naive.attention_map(q, k)
        if see is not None:
            see(condition, list(maps), options)
        return maps @ v.float()

    for site in SITES:
        oracle.set_model_attn1_replace(replaced(self_attention, plain_attention), *site)
        oracle.set_model_attn2_replace(replaced(cross_attention, plain_cross_attention), *site)
    return oracle


@dataclass(frozen=True, eq=False)
class _Call:
    """What one layer saw of one condition: the maps of its rows, (queries, tokens) each, mean over the heads."""

    sigma: float
    condition: int
    site: tuple
    grid: tuple[int, int]
    rows: list[torch.Tensor]


class ExplicitMaps:
    """The maps of a run with ``with_explicit_maps(…, see=maps.add)``, and their means."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []

    def add(self, condition: int, maps: Sequence[torch.Tensor], options: dict) -> None:
        sigma, site = float(options["sigmas"][0]), (*options["block"], options["block_index"])
        rows = [reduce(row, "h q t -> q t", "mean") for row in maps]
        self.calls.append(_Call(sigma, condition, site, tuple(options["activations_shape"][-2:]), rows))

    @property
    def sigmas(self) -> list[float]:
        """Of the steps, descending."""
        return sorted({call.sigma for call in self.calls}, reverse=True)

    def mean(
        self,
        positions: Sequence[int],
        row: int,
        size: tuple[int, int],
        tokens: int,
        condition: int = POSITIVE,
        sigmas: Sequence[float] | None = None,
        group_rows: int | None = None,
    ) -> torch.Tensor:
        """A word's map, (height, width): the mean over heads, layers up to a size, and steps.

        Args:
            positions: the word's tokens.
            row: of the batch.
            size: the largest grid that counts, and the grid of the result.
            tokens: of the row's prompt; where there are more, copies are summed.
            sigmas: of the steps that count; None for all.
            group_rows: rows of a group where an edit is seen group by group; None where all rows are seen at once.
        """
        seen: dict[tuple, list[_Call]] = {}
        for call in self.calls:
            if call.condition == condition and (sigmas is None or call.sigma in sigmas):
                seen.setdefault((call.sigma, call.site), []).append(call)
        pictures = []
        for calls in seen.values():
            # A layer that is called again at the same noise level counts once; groups are seen one after the other.
            group, place = (0, row) if group_rows is None else divmod(row, group_rows)
            call = calls[group]
            if all(side <= largest for side, largest in zip(call.grid, size, strict=True)):
                columns = call.rows[place].unflatten(-1, (-1, tokens)).sum(-2)[:, list(positions)].sum(-1)
                picture = rearrange(columns, "(h w) -> 1 1 h w", h=call.grid[0])
                pictures.append(F.interpolate(picture, size=size, mode="bilinear", align_corners=False)[0, 0])
        return torch.stack(pictures).mean(0)
