"""Which prompts of a run have the words that are guided, and the maps of these words with the graph they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from einops import rearrange

from ...p2p_core.attention_objectives import SeenWords
from ...p2p_core.errors import P2PError
from ...p2p_core.placement import Grid
from ...p2p_core.presence import refuse_missing, stands_in
from ...p2p_core.prompt import Prompt
from ...p2p_core.word_maps import Positions, indicator, mean_over_heads
from .conditioning import GROUP_KEY
from .grids import fits, grid_of
from .text import PROMPT_KEY

_UNGUIDED = ("negative", "empty_negative_prompt")  # lists of guiders


@dataclass(frozen=True)
class WatchedEntry:
    """One conditioning entry with words that are guided.

    Attributes:
        words_of_row: per row of a group (one row where the entry is not edited), the tokens of every phrase, none where
            the row does not have it, and last those of all words of the prompt.
        tokens_of_row: per row of a group, the tokens of its prompt.
    """

    words_of_row: tuple[tuple[Positions, ...], ...]
    tokens_of_row: tuple[int, ...]

    def there(self, rows: int, device: torch.device) -> torch.Tensor:
        """(rows, phrases) bool: whether a row of the batch has a phrase."""
        of_group = torch.tensor([[bool(tokens) for tokens in words[:-1]] for words in self.words_of_row])
        return of_group.repeat(rows // len(of_group), 1).to(device)


def watched_entries(conds: Mapping[str, Sequence[dict]], words: Sequence[str]) -> dict[object, WatchedEntry]:
    """The entries of a run that have one of the words, by their uuid.

    Raises:
        P2PError: no prompt that is known by its words, a phrase that none has, or only prompts of a part of it.
    """
    known = [
        (entry, prompts)
        for name, entries in conds.items()
        if name not in _UNGUIDED
        for entry in entries or ()
        if (prompts := _prompts(entry))
    ]
    if not known:
        raise P2PError(
            "P2P Attention Guidance finds no words in the positive conditioning of this sampler: encode the prompt "
            "with P2P Text Encode, or add P2P Tag Prompt."
        )
    refuse_missing(words, [prompt for _, prompts in known for prompt in prompts])
    having = [(e, prompts) for e, prompts in known if any(stands_in(p, word) for p in prompts for word in words)]
    whole = [(entry, prompts) for entry, prompts in having if "area" not in entry]
    if not whole:
        raise P2PError(
            "P2P Attention Guidance needs maps of the whole picture, but the prompt with its words has an area: take "
            "the area off, or use a mask."
        )
    return {entry["uuid"]: _watched(entry, prompts, words) for entry, prompts in whole}


def _prompts(entry: dict) -> tuple[Prompt, ...]:
    """Those of the entry's rows."""
    if GROUP_KEY in entry:
        group = entry[GROUP_KEY]
        targets = tuple(edit.target for edit in group.controller.edits)
        return targets if group.recorded is not None else (group.controller.source, *targets)
    return (entry[PROMPT_KEY],) if PROMPT_KEY in entry else ()


def _watched(entry: dict, prompts: Sequence[Prompt], words: Sequence[str]) -> WatchedEntry:
    # A prompt of its own may have tokens that another node appended, which it does not know of.
    tokens = [prompt.token_count for prompt in prompts] if GROUP_KEY in entry else [entry["cross_attn"].shape[1]]
    return WatchedEntry(
        tuple(
            (
                *(prompt.find(word) if stands_in(prompt, word) else () for word in words),
                tuple(token for word in prompt.words if not word.is_punctuation for token in word.positions),
            )
            for prompt in prompts
        ),
        tuple(tokens),
    )


@dataclass(eq=False)
class GatheredMaps:
    """The maps of one pass through the model, with their graph.

    Attributes:
        entries: by uuid.
        largest: the largest grid that counts, which is that of the means.
        latent: (height, width) of the run's latents.
        last_site: that of the last layer that counted so far.
    """

    entries: Mapping[object, WatchedEntry]
    largest: Grid
    latent: Grid
    sums: dict[object, dict[Grid, torch.Tensor]] = field(default_factory=dict)
    seen: dict[object, set[tuple]] = field(default_factory=dict)
    last_site: tuple | None = None

    def see(self, q: torch.Tensor, k: torch.Tensor, options: dict) -> None:
        """Adds the maps of one layer, given its q and k of all chunks, (rows, tokens, channels)."""
        if not self.counts(options):
            return
        uuids = options["uuids"]
        for uuid, queries, keys in zip(uuids, q.chunk(len(uuids)), k.chunk(len(uuids)), strict=True):
            entry = self.entries.get(uuid)
            if entry is not None:
                self._add(uuid, self._maps(entry, queries, keys, options), options)

    def counts(self, options: dict) -> bool:
        """Whether a layer is one of those whose maps are taken."""
        whole = tuple(options["original_shape"][-2:]) == self.latent
        return whole and fits(tuple(options["activations_shape"][-2:]), self.largest)

    def _maps(self, entry: WatchedEntry, q: torch.Tensor, k: torch.Tensor, options: dict) -> torch.Tensor:
        """(rows, places, words) float32. No map but those of the words is made."""
        words = indicator(entry.words_of_row, entry.tokens_of_row, k.shape[1]).to(q)
        words = words.repeat(len(q) // len(words), 1, 1)
        return mean_over_heads(options["n_heads"])(q, k, words).float()

    def _add(self, uuid, maps: torch.Tensor, options: dict) -> None:
        site = (*options["block"], options["block_index"])
        if site in self.seen.setdefault(uuid, set()):
            return  # the layer is made again for its gradient
        self.seen[uuid].add(site)
        self.last_site = site
        sums, grid = self.sums.setdefault(uuid, {}), grid_of(options, maps.shape[1])
        sums[grid] = sums[grid] + maps if grid in sums else maps

    def words(self) -> list[SeenWords]:
        """What was seen, per entry."""
        found = []
        for uuid, sums in self.sums.items():
            entry = self.entries[uuid]
            maps = sum(self._resized(maps, grid) for grid, maps in sums.items()) / len(self.seen[uuid])
            count = len(entry.words_of_row[0]) - 1
            there = entry.there(len(maps), maps.device)
            found.append(SeenWords(maps[:, :count], maps[:, count : count + 1], there))
        return found

    def _resized(self, maps: torch.Tensor, grid: Grid) -> torch.Tensor:
        """(rows, places of the grid, words) → (rows, words, height, width)."""
        pictures = rearrange(maps, "r (h w) n -> r n h w", h=grid[0], w=grid[1])
        if grid == self.largest:
            return pictures
        return F.interpolate(pictures, size=self.largest, mode="bilinear", align_corners=False)
