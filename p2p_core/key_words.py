"""Edits of a source of which only the attention to some words was recorded."""

from collections.abc import Collection
from dataclasses import replace as with_changes

import torch

from .edit import Controller, Edit
from .errors import P2PError


def with_key_words(controller: Controller, positions: Collection[int]) -> Controller:
    """The controller as far as it can be had of these source tokens: other tokens keep their own map.

    Self-attention is not recorded then and is not edited.

    Raises:
        P2PError: a local blend reads other words of the source, or no token of a target inherits from these.
    """
    return with_changes(controller, edits=tuple(_limited(edit, positions) for edit in controller.edits))


def _limited(edit: Edit, positions: Collection[int]) -> Edit:
    others = torch.ones(edit.source.token_count, dtype=torch.bool)
    others[list(positions)] = False
    reads_others = (edit.alignment.mapper[others] != 0).any(dim=0)
    inherits = edit.inherits & ~reads_others
    if not bool(inherits.any()):
        raise P2PError(
            f'No word of "{edit.target.text}" takes its attention from the words of the record, so nothing would be '
            "edited: record the words that stay or are swapped, or keep everything."
        )
    blend = edit.blend
    if blend is not None and blend.needs_maps and not {*blend.source, *blend.keep_source} <= {*positions}:
        raise P2PError(
            f"The local blend ({blend.words}) reads words of the source whose attention the record does not keep: name "
            "them in P2P Record, keep everything, or give the local blend a mask and set mask_mode to instead."
        )
    return with_changes(edit, inherits=inherits, self_window=None)
