"""What each word looks at: what was asked for, what a run recorded, and the handle that travels between nodes.

The maps are those of ``AttentionStore`` in the published code (Hertz et al. 2022): the mean over heads and layers, in
place of every layer's own. They come from ``SDPA(q, k, W)`` with W (tokens × words) an indicator matrix.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from .errors import P2PError
from .windows import Window

Prompts = Literal["positive", "negative", "both"]
Grids = Literal["coarse", "medium", "all"]
Side = Literal["positive", "negative"]


@dataclass(frozen=True)
class AttentionRequest:
    """What a user wants to see.

    Attributes:
        words: phrases as typed; empty for every word of the prompt.
        prompts: of which prompts.
        grids: the largest query grids that count towards the mean.
        window: the part of sampling that is recorded, in progress.
        keep_steps: every recorded step by itself, in place of their mean.
        self_maps: self-attention too, which refines the maps (``RowMaps.self_map``).
    """

    words: tuple[str, ...]
    prompts: Prompts
    grids: Grids
    window: Window
    keep_steps: bool
    self_maps: bool = False


@dataclass(frozen=True, eq=False)
class RowMaps:
    """The maps of one row of the batch and one prompt.

    Attributes:
        row: of the latent batch, from 0.
        prompt: its text.
        side: whether it is the positive or the negative prompt.
        role: ``"source"``, ``"target 1"``, … or ``""`` in a run without an edit.
        words: labels: ``"cat"``, ``"dog#2"`` where a word occurs several times, or the phrase as it was typed.
        maps: (steps kept or 1, words, grid height, grid width) float16 on the CPU. The probability, averaged over
            heads and layers, that a place looks at the word (summed over its tokens): 0 to 1, or beyond where an edit
            scales it.
        self_map: (height, width, height, width) float16 on the CPU: the probability that the place of the first two
            axes looks at that of the last two, averaged over steps, heads and layers of one grid; None where it was not
            recorded. The grid may be another than that of ``maps``.
        steps: which of the record's kept steps ``maps`` are of, ascending; empty for all. A prompt with a timestep
            range has fewer.
    """

    row: int
    prompt: str
    side: Side
    role: str
    words: tuple[str, ...]
    maps: torch.Tensor
    self_map: torch.Tensor | None = None
    steps: tuple[int, ...] = ()

    def place_of(self, step: int) -> int | None:
        """Where in ``maps`` a kept step of the record is; None where this prompt took no part in it."""
        if not self.steps:
            return step if step < len(self.maps) else None
        return self.steps.index(step) if step in self.steps else None


@dataclass(frozen=True, eq=False)
class AttentionRecord:
    """What one run recorded.

    Attributes:
        rows: by row of the batch; a row has several where it has several prompts.
        progress: of the steps kept, ascending; the mean of the recorded steps' where they were not kept, or where no
            prompt took part in them.
        latent: ``prompt.content_key`` of the latents that the run made, to know them again; "" where it is not known.
        blend_masks: per row of the latent batch, where the local blend let the target differ at the last step: (height,
            width) bool on the CPU, as large as the latent; None for a source, and for a target without a blend. Empty
            where nothing was blended.
    """

    rows: tuple[RowMaps, ...]
    progress: tuple[float, ...]
    latent: str = ""
    blend_masks: tuple[torch.Tensor | None, ...] = ()

    @property
    def row_count(self) -> int:
        """Rows of the latent batch."""
        return 1 + max((maps.row for maps in self.rows), default=-1)

    def tensors(self) -> Iterator[torch.Tensor]:
        for row in self.rows:
            yield row.maps
            if row.self_map is not None:
                yield row.self_map
        yield from (mask for mask in self.blend_masks if mask is not None)


class AttentionStore:
    """The handle that a node gives out before sampling and a run fills. It is told apart by identity.

    Attributes:
        request: what is to be recorded.
        record: None until a run has filled it. A run replaces it as a whole and never changes one it gave.
    """

    def __init__(self, request: AttentionRequest, record: AttentionRecord | None = None) -> None:
        self.request = request
        self.record = record

    def __deepcopy__(self, memo: dict) -> "AttentionStore":
        """The same object: ComfyUI copies the options of a model with all that they hold."""
        return self

    def recorded(self) -> AttentionRecord:
        """The record of the last run.

        Raises:
            P2PError: no run has filled the store, or none that recorded a step.
        """
        if self.record is None:
            raise P2PError(
                "The attention store is empty. Connect the model output of P2P Attention Store to the sampler whose "
                "picture you connect here. If it is connected, the sampler's result came from the cache: change the "
                "seed and run again."
            )
        if not self.record.rows:
            raise P2PError(_nothing_recorded(self.record))
        return self.record

    def get_ram_usage(self) -> int:
        """Bytes of the record, for the host's cache that weighs outputs by their memory."""
        tensors = () if self.record is None else self.record.tensors()
        return sum(tensor.nelement() * tensor.element_size() for tensor in tensors)


def _nothing_recorded(record: AttentionRecord) -> str:
    if not record.progress:
        return (
            "The attention store recorded nothing: no step of the run lies in its window. Widen start and end in P2P "
            "Attention Store."
        )
    return (
        "The attention store recorded nothing: in its window no prompt with its words was computed for the whole "
        "picture. Give the prompt's mask set_cond_area default in place of mask bounds, let its timestep range reach "
        "into the window, or sample with a cfg above 1 if it is the negative prompt."
    )
