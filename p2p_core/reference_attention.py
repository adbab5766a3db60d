"""Words whose attention is to stay what it was in another run, step by step (pix2pix-zero)."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F

from .attention_objectives import LEAST, Objective, SeenWords, mean_over_words
from .attention_store import AttentionStore
from .attention_words import word_columns
from .errors import P2PError
from .source_record import RecordHandle


@dataclass(frozen=True, eq=False)
class StayLike(Objective):
    """The words' maps stay those that another run had at the same progress.

    Attributes:
        store: filled by that run, with kept steps, before this one begins.
        words: phrases, those that are guided.
    """

    store: AttentionStore
    words: tuple[str, ...]

    def for_run(self, rows: int) -> Objective:
        """The same with the maps that the store holds now.

        Raises:
            P2PError: they are of an empty store, of no single steps, of other words or another number of pictures.
        """
        record = self.store.recorded()
        if not self.store.request.keep_steps:
            raise P2PError(
                "The reference of P2P Attention Guidance holds the mean of all steps only: turn keep_steps on in P2P "
                "Attention Store and run it again."
            )
        if record.row_count not in (1, rows):
            raise P2PError(
                f"The reference of P2P Attention Guidance is of {record.row_count} pictures, but the sampler makes "
                f"{rows}: record one picture, or as many as are guided."
            )
        steps = [self._maps_of(step, record.row_count) for step in range(len(record.progress))]
        return StayLikeMaps(tuple(record.progress), torch.stack(steps))

    def _maps_of(self, step: int, rows: int) -> torch.Tensor:
        """(rows, words, height, width) of a kept step; NaN for a word that a row does not have then."""
        found = [self._of_positive(word, step) for word in self.words]
        grid = next((maps.shape for column in found for maps in column if maps is not None), None)
        if grid is None:
            raise P2PError("The reference of P2P Attention Guidance has no maps of the positive prompt: record those.")
        missing = torch.full(grid, torch.nan)
        filled = [[missing if maps is None else maps for maps in column] for column in found]
        return torch.stack([torch.stack([column[row] for column in filled]) for row in range(rows)])

    def _of_positive(self, word: str, step: int) -> list[torch.Tensor | None]:
        """Per row the map of a word, of the first prompt that has it."""
        of_rows = zip(*word_columns(self.store, (word,), step), strict=True)
        seen = [[one for one in maps if one is not None and one.side == "positive"] for maps in of_rows]
        return [maps[0].attention if maps else None for maps in seen]


@dataclass(frozen=True, eq=False)
class StayLikeRecord(Objective):
    """The words' maps stay those that a recorded run had, with the adjustments of the record.

    A record has what queries come from, so that only who has the network can make maps of it: they take this
    objective's place in a run.
    """

    handle: RecordHandle
    words: tuple[str, ...]


class MapsOfSteps(Protocol):
    """(rows or 1, words, height, width) by the number of a step; NaN where a row does not have a word."""

    def __getitem__(self, step: int, /) -> torch.Tensor: ...


@dataclass(frozen=True, eq=False)
class StayLikeMaps(Objective):
    """``‖M - M_ref‖²`` (pix2pix-zero, Parmar et al. 2023, section 3.2), in units of ``‖M_ref‖²``.

    So it does not depend on how strongly the model attends to a word, nor on how many places a map has.

    Attributes:
        progress: of the steps, ascending.
        maps: of these steps, in their order.
    """

    progress: tuple[float, ...]
    maps: MapsOfSteps

    def losses(self, seen: SeenWords, progress: float) -> torch.Tensor:
        reference = self.at(progress).to(seen.maps)
        known = reference.isfinite().all(dim=-1).all(dim=-1)
        reference = reference.nan_to_num()
        size = seen.maps.shape[-2:]
        if reference.shape[-2:] != size:
            reference = F.interpolate(reference, size=size, mode="bilinear", align_corners=False, antialias=True)
        difference = (seen.maps - reference).square().flatten(2).sum(2)
        scale = reference.square().flatten(2).sum(2).clamp(min=LEAST)
        return mean_over_words(difference / scale, seen.there & known)

    def at(self, progress: float) -> torch.Tensor:
        """(rows or 1, words, height, width) at any progress: between two steps in proportion, beyond them the last."""
        after = bisect_right(self.progress, progress)
        if after in (0, len(self.progress)):
            return self.maps[min(after, len(self.progress) - 1)]
        start, end = self.progress[after - 1], self.progress[after]
        return torch.lerp(self.maps[after - 1], self.maps[after], (progress - start) / (end - start))
