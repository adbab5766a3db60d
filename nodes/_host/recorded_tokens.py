"""What the words of recorded prompts look at while they are sampled: for previews, and to see them in later edits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from ...p2p_core.edit import Grids
from ...p2p_core.placement import Grid
from ...p2p_core.prompt import Prompt
from ...p2p_core.word_maps import MapSums
from .areas import is_part_of_picture
from .conditioning import GROUP_KEY
from .entries import EntryKey
from .seeing import Watch


@dataclass(frozen=True, eq=False)
class RecordedTokens:
    """The tokens of the words of recorded prompts, all of them at every step.

    Attributes:
        entries: the recorded prompts, in order.
        lengths: how many tokens are looked at of those of the whole picture; of others there are no maps.
        rows: of the batch for every picture, of which the source is the first.
        steps: of the run.
    """

    entries: tuple[EntryKey, ...]
    lengths: Mapping[EntryKey, int]
    rows: int
    steps: int
    _watches: Mapping[EntryKey, Watch]

    def watches(self, key: EntryKey) -> tuple[Watch, ...]:
        return (self._watches[key],) if key in self._watches else ()

    def take(self, step: int) -> Iterator[tuple[int, int, Grid, torch.Tensor]]:
        """What was seen in a step, which is not held any longer.

        Returns:
            Per prompt and grid: the number of the prompt, the step, the grid, (pictures, tokens, height, width).
        """
        step = min(step, self.steps - 1)  # a call after the last is another look at the last
        for key, watch in self._watches.items():
            for grid, maps in watch.sums.take(step).items():
                yield self.entries.index(key), step, grid, maps[:: self.rows, : self.lengths[key]]


def recorded_tokens(
    prompts: Mapping[EntryKey, Prompt],
    entries: Mapping[EntryKey, dict],
    rows: int,
    steps: int,
    latent: Grid,
    grids: Grids,
) -> RecordedTokens:
    """Those of some prompts of a run.

    Args:
        rows: of the batch for every picture.
        grids: the largest that are looked at.
    """
    whole = {
        key: prompt
        for key, prompt in prompts.items()
        if tokens_of_words(prompt) and not is_part_of_picture(entries[key], latent)
    }
    watches = {key: _watch(prompt, entries[key], steps, latent, grids) for key, prompt in whole.items()}
    lengths = {key: len(tokens_of_words(prompt)) for key, prompt in whole.items()}
    return RecordedTokens(tuple(prompts), lengths, rows, steps, watches)


def tokens_of_words(prompt: Prompt) -> tuple[int, ...]:
    """The tokens that belong to a word, as ``token_positions`` finds them in a record."""
    return tuple(sorted({position for word in prompt.words for position in word.positions}))


def _watch(prompt: Prompt, entry: Mapping, steps: int, latent: Grid, grids: Grids) -> Watch:
    """Of the source's rows; those of targets beside it are not looked at."""
    edits = entry[GROUP_KEY].controller.edits if GROUP_KEY in entry else ()
    # A prompt of its own may have tokens that another node appended, which it does not know of.
    own = prompt.token_count if edits else entry["cross_attn"].shape[1]
    return Watch(
        words_of_row=(tuple((position,) for position in tokens_of_words(prompt)), *((),) * len(edits)),
        tokens_of_row=(own, *(edit.target.token_count for edit in edits)),
        plan=((None,) * len(edits),) * steps,
        latent=latent,
        grids=grids,
        steps=(True,) * steps,
        sums=MapSums(keep_steps=True),
    )
