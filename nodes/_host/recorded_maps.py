"""The maps of words that a record holds, step by step, as guidance sees those of its own run.

A record keeps what queries come from, or maps of key words of every head. Both become the mean over the heads and the
layers that count, of single words, after the adjustments of the record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from einops import rearrange, reduce

from ...p2p_core.adjusted_pictures import adjusted_columns, picture_of
from ...p2p_core.adjusted_record import RecordedPrompt
from ...p2p_core.adjustment import AdjustedMaps
from ...p2p_core.placement import Grid
from ...p2p_core.source_record import Kind, Moment, SourceRecord, layer_name, levels_of
from ...p2p_core.word_maps import MapSums, Positions
from .capturing import maps_of_tokens, unpooled
from .layers import Layer


@dataclass(frozen=True, eq=False)
class RecordedColumns:
    """One prompt of a record, and its tokens' maps.

    Attributes:
        words: by their number, the tokens of the words that are taken from it.
        adjusted: what is done to its maps; None for nothing.
        layers: those that count.
        latent: (height, width).
    """

    record: SourceRecord
    entry: int
    prompt: RecordedPrompt
    words: Mapping[int, Positions]
    adjusted: AdjustedMaps | None
    layers: Sequence[Layer]
    latent: Grid

    @property
    def levels(self) -> tuple[str, ...]:
        """The noise levels of which all layers are kept, falling."""
        return tuple(filter(self._moment, levels_of(self.record.storage.names(), self._kind, self.entry)))

    def _moment(self, level: str) -> Moment | None:
        """The last model call at a noise level, which is at a place of the sampler's own path: samplers that look ahead
        have called the model there before. None where not all layers of it are kept.
        """
        moment, call = None, 0
        while all(self._is_kept(layer, Moment(level, call)) for layer in self.layers):
            moment, call = Moment(level, call), call + 1
        return moment

    def maps(self, level: str, largest: Grid, device: torch.device, dtype: torch.dtype) -> dict[int, torch.Tensor]:
        """By the number of a word, (pictures, height, width) float32 on the CPU at the largest grid."""
        moment, sums = self._moment(level), MapSums()
        positions = self._positions()
        for layer in self.layers:
            heads = self._heads(layer, moment, positions, device, dtype)
            mean = reduce(heads, "r (h k) q -> r q k", "mean", h=layer.heads)
            sums.add(0, layer.site, mean.float(), layer.grid(self.latent), largest)
        found = rearrange(sums.mean()[0].cpu(), "r k h w -> r (h w) k")
        columns = found.new_zeros(*found.shape[:2], self.prompt.token_count)
        columns[:, :, list(positions)] = found
        if self.adjusted is not None:
            columns = adjusted_columns(columns, self.adjusted, largest)
        return {number: picture_of(columns, own, largest) for number, own in self.words.items()}

    def _positions(self) -> Positions:
        """The tokens whose maps are needed: an adjustment may take from any."""
        if self.record.keep == "words":
            return self.record.positions(self.entry)
        if self.adjusted is not None:
            return tuple(range(self.prompt.token_count))
        return tuple(sorted({position for own in self.words.values() for position in own}))

    def _heads(self, layer: Layer, moment, positions: Positions, device, dtype) -> torch.Tensor:
        """(pictures, heads·tokens, places)."""
        kept = self.record.storage.get(self._name(layer, moment), device, dtype)
        if self._kind == "words":
            return unpooled(kept, layer.grid(self.latent), self.record.facts["pooling"])
        attention, text = layer.block.attn2, self.record.exact[f"text/{self.entry}"].to(device, dtype)
        keys = attention.to_k(text).expand(len(kept), -1, -1)
        return maps_of_tokens(attention.to_q(kept), keys, positions, text.shape[1], layer.heads)

    @property
    def _kind(self) -> Kind:
        return "words" if self.record.keep == "words" else "cross"

    def _name(self, layer: Layer, moment: Moment) -> str:
        return layer_name(self._kind, self.entry, moment, 0, layer.site)

    def _is_kept(self, layer: Layer, moment: Moment) -> bool:
        """Of the whole picture, that is: the maps of a prompt with an area are smaller."""
        storage, name = self.record.storage, self._name(layer, moment)
        if name not in storage:
            return False
        height, width = layer.grid(self.latent)
        if self._kind == "cross":
            return storage.shape_of(name)[-2] == height * width
        factor = self.record.facts["pooling"]
        return storage.shape_of(name)[-1] == -(-height // factor) * -(-width // factor)


@dataclass(frozen=True, eq=False)
class RecordedMaps:
    """The words' maps at every kept step, each made when it is asked for.

    Attributes:
        words: in the order of the maps.
        levels: the noise levels of the steps.
        largest: the grid of the maps.
        rows: of the batch for every picture.
        device, dtype: of the model's computation.
    """

    words: tuple[str, ...]
    prompts: tuple[RecordedColumns, ...]
    levels: tuple[str, ...]
    largest: Grid
    rows: int
    device: torch.device
    dtype: torch.dtype
    _made: dict[int, torch.Tensor] = field(default_factory=dict)

    def __getitem__(self, step: int) -> torch.Tensor:
        """(rows, words, height, width)."""
        if step not in self._made:
            with torch.inference_mode(False), torch.no_grad():
                self._made[step] = self._make(step)
        return self._made[step]

    def _make(self, step: int) -> torch.Tensor:
        found: dict[int, torch.Tensor] = {}
        for prompt in self.prompts:
            found |= prompt.maps(self.levels[step], self.largest, self.device, self.dtype)
        maps = torch.stack([found[number] for number in range(len(self.words))], dim=1)
        return maps.repeat_interleave(self.rows, 0)
