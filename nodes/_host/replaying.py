"""Reading a recorded source in place of rows of the batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange

from ...p2p_core.errors import P2PError
from ...p2p_core.further_terms import Sources
from ...p2p_core.record_storage import RecordStorage
from ...p2p_core.source_maps import SourceMaps
from ...p2p_core.source_record import Kind, Moment, SourceRecord
from .capturing import LayerName, unpooled


@dataclass(frozen=True, eq=False)
class RecordedSource:
    """One prompt of a record, as the source of a group.

    Attributes:
        entry: which prompt of the record it is.
        text: (1, tokens, channels), its conditioning.
    """

    record: SourceRecord
    entry: int
    text: torch.Tensor

    @property
    def kind(self) -> Sources:
        return "queries" if self.record.keep == "queries" else "maps"


@dataclass(frozen=True, eq=False)
class HiddenSources:
    """The recorded hidden states of a layer, (sources, places, channels), each decoded when it is read.

    Attributes:
        names: where they are kept, prompt by prompt.
        device, dtype: in which they are read.
    """

    names: tuple[tuple[RecordStorage, str], ...]
    device: torch.device
    dtype: torch.dtype

    def __len__(self) -> int:
        return sum(storage.shape_of(name)[0] for storage, name in self.names)

    def read(self) -> torch.Tensor:
        """(sources, places, channels). To be read only."""
        parts = [storage.get(name, self.device, self.dtype) for storage, name in self.names]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def read_into(self, rows: torch.Tensor) -> None:
        """Writes them to (sources, places, channels)."""
        first = 0
        for storage, name in self.names:
            after = first + storage.shape_of(name)[0]
            storage.read_into(name, rows[first:after])
            first = after


@dataclass(frozen=True, eq=False)
class LayerSources:
    """The sources of all edited groups at one layer, in the order of the groups.

    Attributes:
        hidden: what their queries are projected from; None of maps.
        text: (sources, tokens, channels), what their keys are projected from; None in self-attention.
        maps: of recorded words, with the rows of the batch before them; None of queries.
    """

    hidden: HiddenSources | None = None
    text: torch.Tensor | None = None
    maps: SourceMaps | None = None


def hidden_sources(
    kind: Kind, found: Sequence[tuple[RecordedSource, LayerName]], like: torch.Tensor
) -> HiddenSources | None:
    """What was recorded of a layer; None where it was not for one of the prompts."""
    names = tuple((source.record.storage, name.of(kind)) for source, name in found)
    if not names or any(name not in storage for storage, name in names):
        return None
    return HiddenSources(names, like.device, like.dtype)


def map_sources(
    found: Sequence[tuple[RecordedSource, LayerName]], like: torch.Tensor, first_row: int, heads: int
) -> SourceMaps | None:
    """The recorded maps of a layer, stacked over prompts that keep the same tokens."""
    if not found or any(name.of("words") not in source.record.storage for source, name in found):
        return None
    positions = {source.record.positions(source.entry) for source, _ in found}
    if len(positions) > 1:
        raise P2PError(
            "The prompts of this record keep different words: record a conditioning of one prompt, or queries in place "
            "of words."
        )
    parts = []
    for source, name in found:
        kept = source.record.storage.get(name.of("words"), like.device, like.dtype)
        maps = unpooled(kept, name.grid, source.record.facts["pooling"])
        parts.append(rearrange(maps, "r (h k) q -> r h q k", h=heads))
    tokens = torch.tensor(positions.pop(), device=like.device)
    return SourceMaps(torch.cat(parts), tokens, first_row)


def text_sources(sources: Sequence[RecordedSource], like: torch.Tensor) -> torch.Tensor:
    """The sources' conditioning beside that of the batch, (rows, tokens, channels), repeated to as many tokens."""
    parts = []
    for source in sources:
        text = source.text.to(like.device, like.dtype)
        copies = like.shape[1] // text.shape[1]
        parts.append(text.repeat(source.record.facts["pictures"], copies, 1))
    return torch.cat(parts)


def recorded_latents(record: SourceRecord, what: str, moment: Moment, like: torch.Tensor) -> torch.Tensor:
    """(pictures, channels, height, width): the source's latents at a model call.

    Raises:
        P2PError: the recorded run made no such call.
    """
    if what == "final":
        return record.exact[what].to(like.device, like.dtype)
    refuse_unrecorded(record, moment, what)
    return record.exact[f"{what}/{moment.name}"].to(like.device, like.dtype)


def refuse_unrecorded(record: SourceRecord, moment: Moment, what: str = "denoised") -> None:
    """Raises:
    P2PError: the recorded run made no such model call.
    """
    if f"{what}/{moment.name}" not in record.exact:
        raise P2PError(
            "The record has no latents of a step that this sampler takes. Record and edit both with the nodes that "
            "skip steps, such as EasyCache and LazyCache, or both without, with a sampler that follows the schedule."
        )
