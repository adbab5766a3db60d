"""Stores as a run leaves them, with values that are known."""

from collections.abc import Sequence

import torch
from p2p.p2p_core.attention_store import AttentionRecord, AttentionRequest, AttentionStore, RowMaps
from p2p.p2p_core.windows import Window


def request(words: Sequence[str] = (), keep_steps: bool = False, self_maps: bool = False) -> AttentionRequest:
    return AttentionRequest(tuple(words), "both", "medium", Window(0.1, 0.9), keep_steps, self_maps)


def row(number: int, words: str | Sequence[str], **fields) -> RowMaps:
    """Words as a prompt or one by one; the map of the n-th word is n + 10 · row everywhere, in 1/100."""
    labels = tuple(words.split()) if isinstance(words, str) else tuple(words)
    grid = fields.pop("grid", (4, 6))
    values = (torch.arange(len(labels)) + 10.0 * number) / 100
    maps = values[None, :, None, None].expand(fields.pop("steps", 1), -1, *grid)
    fields["steps"] = fields.pop("steps_of", ())
    settings = {"prompt": " ".join(labels), "side": "positive", "role": "", "maps": maps.half(), **fields}
    return RowMaps(row=number, words=labels, **settings)


def store(*rows: RowMaps, **asked) -> AttentionStore:
    progress = tuple(step / 10 for step in range(len(rows[0].maps))) if rows else ()
    return AttentionStore(request(**asked), AttentionRecord(rows, progress))


def row_stochastic(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """A random self-attention (h, w, h, w): what a place looks at sums to 1."""
    places = height * width
    scores = 3 * torch.randn(places, places, generator=torch.Generator().manual_seed(seed))
    return scores.softmax(dim=1).reshape(height, width, height, width).half()
