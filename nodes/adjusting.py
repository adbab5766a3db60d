"""What the nodes have in common that adjust the maps of a record: inputs, outputs, and the picture of the result."""

from collections.abc import Sequence

import torch
from comfy_api.latest import io

from ..p2p_core.adjusted_pictures import adjusted_columns, columns_of_words, picture_of
from ..p2p_core.adjusted_record import AdjustedHandle, recorded_prompts
from ..p2p_core.adjustment import Adjustment, adjusted_maps
from ..p2p_core.attention_words import WordMap
from ..p2p_core.errors import P2PError
from ..p2p_core.grammar import parse_words
from ..p2p_core.source_record import RecordHandle, SourceRecord
from .attention_layouts import BeforeAndAfter, before_and_after
from .types import RecordType


def record_input() -> RecordType.Input:
    return RecordType.Input("record", tooltip="From P2P Record or another node that adjusts a record.")


def latent_input() -> io.Latent.Input:
    return io.Latent.Input(
        "latent",
        optional=True,
        tooltip="The latent that the recorded sampler made. It is not changed and only makes sure that the recorded "
        "run comes first; connect it wherever the record is made in the same workflow.",
    )


def adjusted_outputs() -> list[io.Output]:
    return [
        RecordType.Output(
            display_name="record",
            tooltip="The record with the adjustment, for P2P Apply or the next adjustment. The one that came in stays "
            "as it was.",
        ),
        io.Image.Output(
            display_name="preview",
            tooltip="The mean maps of all words that were adjusted so far, each as it was recorded and as it is now.",
        ),
    ]


def adjusted_record(record: RecordHandle, adjustments: Sequence[Adjustment]) -> io.NodeOutput:
    """What such a node gives out.

    Raises:
        P2PError: the record is empty, or a word is not in it.
    """
    handle = AdjustedHandle(record, adjustments)
    return io.NodeOutput(handle, before_and_after(_changes(handle.recorded())))


def words_of(text: str, name: str) -> tuple[str, ...]:
    """The words or phrases of an input.

    Raises:
        P2PError: none.
    """
    words = parse_words(text)
    if not words:
        raise P2PError(f"{name} is empty: give a word of the recorded prompt.")
    return words


def _changes(record: SourceRecord) -> list[BeforeAndAfter]:
    """The adjusted words of every prompt and picture. Of prompts with an area there are no maps to show."""
    words = dict.fromkeys(word for adjustment in record.adjustments for word in adjustment.words)
    changes = []
    for entry, prompt in enumerate(recorded_prompts(record)):
        recorded = record.exact.get(f"word_maps/{entry}")
        if recorded is None:
            continue
        grid = (recorded.shape[2], recorded.shape[3])
        before = columns_of_words(prompt, recorded)
        maps = adjusted_maps(prompt, record.adjustments)
        after = before if maps is None else adjusted_columns(before, maps, grid)
        for word in (word for word in words if prompt.has(word)):
            pictures = (picture_of(columns, prompt.find(word), grid) for columns in (before, after))
            changes += [_change(word, number, *pair) for number, pair in enumerate(zip(*pictures, strict=True))]
    return changes


def _change(word: str, number: int, before: torch.Tensor, after: torch.Tensor) -> BeforeAndAfter:
    of = f" (picture {number + 1})" if number else ""
    return BeforeAndAfter(WordMap(f"{word}{of}: recorded", before), WordMap(f"{word}{of}: adjusted", after))
