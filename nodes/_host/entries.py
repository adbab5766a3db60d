"""The conditioning entries of a run: which there are, which are edited, and how many rows those have in the batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.wording import counted
from .conditioning import GROUP_KEY, Group

EntryKey = tuple[str, Any]  # the name of the guider's list and the entry's uuid

UNEDITED = ("negative", "empty_negative_prompt")  # lists of guiders; a zeroed-out positive in them is no edit


def entries_of(conds: Mapping[str, Sequence[dict] | None]) -> dict[EntryKey, dict]:
    """All entries of the guider's lists."""
    return {(name, entry["uuid"]): entry for name, found in conds.items() for entry in found or ()}


def groups_of(entries: Mapping[EntryKey, dict]) -> dict[EntryKey, Group]:
    """The groups of the entries that are edited."""
    return {key: entry[GROUP_KEY] for key, entry in entries.items() if GROUP_KEY in entry and key[0] not in UNEDITED}


def rows_per_group(groups: Sequence[Group], noise: torch.Tensor, has_edits: bool) -> int:
    """The rows of every group in the batch; 1 without an edit.

    Args:
        has_edits: whether the model is that of P2P Apply.

    Raises:
        P2PError: the model of P2P Apply without its conditioning, groups of different sizes, or a batch of parts of
            groups.
    """
    if has_edits and not groups:
        raise P2PError(
            "This sampler got the model of P2P Apply without its positive conditioning: connect the positive output of "
            "the same P2P Apply, or the model from before it."
        )
    if not groups:
        return 1
    rows = groups[0].rows
    if any(group.rows != rows for group in groups):
        raise P2PError(
            "Conditionings of P2P Apply nodes with different numbers of targets cannot be combined: give each the same "
            "number, or make one controller of them with P2P Combine Targets."
        )
    if noise.shape[0] % rows:
        raise P2PError(
            f"The latent has {counted(noise.shape[0], 'row')}, but every group needs {rows} (a source and its "
            "targets): connect the latent output of P2P Apply to the sampler."
        )
    return rows


def refuse_cut_groups(options: dict, noise: torch.Tensor, rows: int) -> None:
    """Raises:
    P2PError: context windows, in the model's options, cut a batch with groups of so many rows.
    """
    handler = options.get("context_handler")
    length = getattr(handler, "context_length", None)
    if rows > 1 and length is not None and getattr(handler, "dim", None) == 0 and noise.shape[0] > length:
        raise P2PError(
            f"The context windows of this model cut the batch of {noise.shape[0]} in pieces of {length}, which would "
            "part sources from their targets: take the context windows off."
        )
