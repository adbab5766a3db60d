"""Edits as the tensors of the published controllers: mappers, and per step who inherits, how strongly, and injects."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch

from ..p2p_core import naive
from ..p2p_core.edit import Edit
from ..p2p_core.windows import Window


@dataclass(frozen=True, eq=False)
class EditTables:
    """The edits of one group, for every step.

    Attributes:
        inherits: (steps, targets, 1, 1, tokens), the published ``cross_replace_alpha``.
        scales: the same shape, the published ``equalizer``; None where nothing is reweighted.
        mapper: (targets, source tokens, tokens) of ``AttentionReplace``, or None.
        gathered, kept: (targets, tokens) and (targets, 1, 1, tokens), the mapper and alphas of ``AttentionRefine``, or
            None. With neither, the prompts are the same: ``AttentionReweight`` alone.
        injects: whether self-attention is injected, per step.
    """

    inherits: torch.Tensor
    scales: torch.Tensor | None
    mapper: torch.Tensor | None
    gathered: torch.Tensor | None
    kept: torch.Tensor | None
    injects: tuple[bool, ...]

    @property
    def rows(self) -> int:
        """Source and targets."""
        return 1 + self.inherits.shape[1]

    def fits(self, maps: torch.Tensor) -> bool:
        return self.inherits.device == maps.device and self.inherits.dtype == maps.dtype

    def like(self, maps: torch.Tensor) -> "EditTables":
        """On the device of the maps and in their dtype."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        moved = {
            name: tensor.to(maps.device, maps.dtype if tensor.is_floating_point() else None)
            for name, tensor in tensors.items()
            if torch.is_tensor(tensor)
        }
        return replace(self, **moved)

    def edited(self, source: torch.Tensor, targets: torch.Tensor, step: int) -> torch.Tensor:
        """The targets' cross-attention maps of a step: ``e · (a · A_s M + (1 − a) · A_t)``, as ``naive`` has it.

        The published ``AttentionReweight`` scales before it mixes, at the same cost.

        Args:
            source: (heads, queries, source tokens).
            targets: (targets, heads, queries, tokens).
        """
        inherits = self.inherits[step]
        mixed = self._inherited(source, targets) * inherits + (1 - inherits) * targets
        return mixed if self.scales is None else mixed * self.scales[step]

    def _inherited(self, source: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if self.gathered is not None:
            return source[:, :, self.gathered].permute(2, 0, 1, 3) * self.kept + targets * (1 - self.kept)
        if self.mapper is not None:
            return torch.einsum("hpw,bwn->bhpn", source, self.mapper)
        return source.unsqueeze(0)


def tables_of(edits: Sequence[Edit], progress: Sequence[float]) -> EditTables:
    """The edits of a group at the steps that start at these values of progress.

    Raises:
        ValueError: an edit that the published method does not have.
    """
    _check(edits)
    scaled = any(edit.scales for edit in edits)
    tables = EditTables(
        inherits=_by_step([[naive.inheritance(edit, start) for edit in edits] for start in progress]),
        scales=_by_step([[naive.equalizer(edit, start) for edit in edits] for start in progress]) if scaled else None,
        mapper=None,
        gathered=None,
        kept=None,
        injects=tuple(_contains(edits[0].self_window, start) for start in progress),
    )
    mappers = torch.stack([edit.alignment.mapper for edit in edits])
    if all(edit.source == edit.target for edit in edits):
        return tables
    if all(_refines(edit) for edit in edits):
        kept = torch.stack([edit.inherits.float() for edit in edits])[:, None, None]
        return replace(tables, gathered=mappers.argmax(dim=1), kept=kept)
    return replace(tables, mapper=mappers)


def _refines(edit: Edit) -> bool:
    """Some tokens are new, which the published ``AttentionReplace`` refuses, the others come from one token each."""
    columns = edit.alignment.mapper[:, edit.inherits]
    return not edit.inherits.all() and bool((columns.amax(dim=0) == 1).all())


def _check(edits: Sequence[Edit]) -> None:
    if any(edit.moves or edit.blend for edit in edits):
        raise ValueError("The published method moves no words, and its local blend is not measured here.")
    if any(edit.self_mode != "inject" or edit.self_grids != "coarse" for edit in edits):
        raise ValueError("The published method injects self-attention at coarse grids only.")
    if len({edit.self_window for edit in edits}) > 1:
        raise ValueError("The published method has one window of self-attention for all targets.")
    if len({prompt.token_count for edit in edits for prompt in (edit.source, edit.target)}) > 1:
        raise ValueError("The published method needs prompts of one length.")


def _by_step(tables: list[list[torch.Tensor]]) -> torch.Tensor:
    return torch.stack([torch.stack(targets) for targets in tables])[:, :, None, None]


def _contains(window: Window | None, start: float) -> bool:
    return window is not None and window.contains(start)
