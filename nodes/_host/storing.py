"""Recording what words look at, for the attention stores of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ...p2p_core.attention_store import AttentionRecord, AttentionRequest, AttentionStore, RowMaps, Side
from ...p2p_core.errors import P2PError
from ...p2p_core.operators import TokenOperators
from ...p2p_core.placement import Grid
from ...p2p_core.presence import refuse_missing, stands_in
from ...p2p_core.prompt import Prompt, content_key
from ...p2p_core.self_maps import SelfMapSums
from ...p2p_core.word_maps import MapSums, Positions
from .areas import is_part_of_picture
from .conditioning import GROUP_KEY
from .entries import EntryKey
from .seeing import Watch
from .text import PROMPT_KEY

Plan = tuple[tuple[TokenOperators | None, ...], ...]  # per step and target
Labelled = tuple[tuple[str, Positions], ...]  # words of one prompt and their tokens


@dataclass(frozen=True, eq=False)
class _Recorded:
    """One entry that is watched for a store."""

    side: Side
    prompts: tuple[Prompt, ...]
    words: tuple[Labelled, ...]
    watch: Watch
    has_source: bool = True  # in the batch, and not in a record


class Recording:
    """What one store gets of one run."""

    def __init__(
        self,
        store: AttentionStore,
        entries: Mapping[EntryKey, dict],
        plan_of_entry: Mapping[EntryKey, Plan],
        sourceless: Mapping[EntryKey, Plan],
        progress: Sequence[float],
        latent: Grid,
    ) -> None:
        """Finds the prompts to be seen in the conditions of a run.

        Args:
            entries: of all conditions.
            plan_of_entry: per step, the edits of those that are edited.
            sourceless: the same of those whose sources were recorded, where the record has nothing of them.

        Raises:
            P2PError: no prompt with words, a word that none of them has, or only such as have an area.
        """
        self._store, self._progress = store, progress
        self._entries: dict[EntryKey, _Recorded] = {}
        wanted = _prompts_with_words(entries, store.request)
        # A swapped word stands on one side of an edit only.
        refuse_missing(store.request.words, [prompt for prompts in wanted.values() for prompt in prompts])
        for key, prompts in wanted.items():
            words = tuple(labelled(prompt, store.request.words) for prompt in prompts)
            plan = plan_of_entry.get(key, ((),) * len(progress))
            watch = self._watch(entries[key], plan, prompts, words, latent)
            watch.sourceless = sourceless.get(key)
            self._entries[key] = _Recorded(_side(key), prompts, words, watch, key not in sourceless)
        _refuse_areas([entries[key] for key, recorded in self._entries.items() if any(recorded.words)], latent)

    def _watch(
        self, entry: dict, plan: Plan, prompts: Sequence[Prompt], words: Sequence[Labelled], latent: Grid
    ) -> Watch:
        request = self._store.request
        # A prompt of its own may have tokens that another node appended, which it does not know of.
        tokens = [prompt.token_count for prompt in prompts] if len(prompts) > 1 else [entry["cross_attn"].shape[1]]
        return Watch(
            words_of_row=tuple(tuple(positions for _, positions in labelled) for labelled in words),
            tokens_of_row=tuple(tokens),
            plan=plan,
            latent=latent,
            grids=request.grids,
            steps=tuple(request.window.contains(value) for value in self._progress),
            sums=MapSums(request.keep_steps),
            self_sums=SelfMapSums() if request.self_maps else None,
        )

    @property
    def entries(self) -> tuple[_Recorded, ...]:
        """All that is watched for the store."""
        return tuple(self._entries.values())

    @property
    def by_key(self) -> Mapping[EntryKey, _Recorded]:
        """The same by their entries."""
        return self._entries

    def watches(self, key: EntryKey) -> tuple[Watch, ...]:
        recorded = self._entries.get(key)
        return () if recorded is None else (recorded.watch,)

    def finish(self, latents: torch.Tensor, blend_masks: tuple[torch.Tensor | None, ...] = ()) -> None:
        """Hands the maps over, with a mark of the latents they belong to; the one copy from the device."""
        steps = sorted({step for recorded in self._entries.values() for step in recorded.watch.sums.steps})
        rows = [row for recorded in self._entries.values() for row in _rows(recorded, steps)]
        if self._store.request.keep_steps and rows:
            progress = tuple(self._progress[min(step, len(self._progress) - 1)] for step in steps)
        else:
            seen = [value for value in self._progress if self._store.request.window.contains(value)]
            progress = (sum(seen) / len(seen),) if seen else ()
        self._store.record = AttentionRecord(
            tuple(sorted(rows, key=lambda row: row.row)), progress, content_key(latents), blend_masks
        )


def _side(key: EntryKey) -> Side:
    """Guiders of several prompts call all but one of their lists something positive."""
    return "negative" if key[0] == "negative" else "positive"


def _prompts_with_words(
    entries: Mapping[EntryKey, dict], request: AttentionRequest
) -> dict[EntryKey, tuple[Prompt, ...]]:
    """The prompts of the rows of every entry that is to be seen."""
    found = {}
    for key, entry in entries.items():
        if request.prompts not in (_side(key), "both"):
            continue
        if GROUP_KEY in entry:
            controller = entry[GROUP_KEY].controller
            found[key] = (controller.source, *(edit.target for edit in controller.edits))
        elif PROMPT_KEY in entry:
            found[key] = (entry[PROMPT_KEY],)
    if not any(_has_words(prompt) for prompts in found.values() for prompt in prompts):
        raise P2PError(
            f"P2P Attention Store finds no words in the {request.prompts} conditioning of this sampler: encode the "
            "prompt with P2P Text Encode (or add P2P Tag Prompt), or choose the other prompt in P2P Attention Store."
        )
    return found


def _refuse_areas(entries: Sequence[Mapping], latent: Grid) -> None:
    if entries and all(is_part_of_picture(entry, latent) for entry in entries):
        raise P2PError(
            "P2P Attention Store records prompts of the whole picture, but the prompt with its words has an area: take "
            "the area off, or give the prompt a mask instead (Conditioning (Set Mask), set_cond_area default)."
        )


def _has_words(prompt: Prompt) -> bool:
    return not all(word.is_punctuation for word in prompt.words)


def labelled(prompt: Prompt, phrases: Sequence[str]) -> Labelled:
    """The phrases that stand in a prompt, or all its words, as they are shown, with their tokens."""
    if not phrases:
        words = [word for word in prompt.words if not word.is_punctuation]
        is_alone = [prompt.find(word.text) == word.positions for word in words]
        return tuple(
            (word.text if alone else f"{word.text}#{word.occurrence}", word.positions)
            for word, alone in zip(words, is_alone, strict=True)
        )
    return tuple((phrase, prompt.find(phrase)) for phrase in phrases if stands_in(prompt, phrase))


def _rows(recorded: _Recorded, steps: Sequence[int]) -> list[RowMaps]:
    """All rows of an entry that has words in one of them: the others are pictures of the batch too.

    Args:
        steps: those of all entries, of which this one may have a part only.
    """
    means = recorded.watch.sums.mean()
    if means is None:
        return []
    maps = means.half().cpu()  # (steps, rows of the batch, words, height, width)
    self_sums = recorded.watch.self_sums
    self_means = None if self_sums is None else self_sums.mean()
    self_maps = [None] * maps.shape[1] if self_means is None else list(self_means.half().cpu())
    of_group, first = recorded.watch.rows, 0 if recorded.has_source else 1
    return [
        RowMaps(
            row=row,
            prompt=recorded.prompts[place].text,
            side=recorded.side,
            role="" if of_group == 1 else f"target {place}" if place else "source",
            words=tuple(label for label, _ in recorded.words[place]),
            maps=maps[:, seen, : len(recorded.words[place])].clone(),  # its own memory, not a view of all
            self_map=self_maps[row] if self_maps[row] is None else self_maps[row].clone(),
            steps=tuple(map(steps.index, recorded.watch.sums.steps)),
        )
        for row, seen, place in _rows_of_batch(maps.shape[1] if any(recorded.words) else 0, of_group, first)
    ]


def _rows_of_batch(seen: int, of_group: int, first: int) -> list[tuple[int, int, int]]:
    """(row of the batch, among those seen, place in its group); groups begin with this place in the batch."""
    in_batch = [(row, row % of_group) for row in range(seen) if row % of_group >= first]
    return [(row, number, place) for row, (number, place) in enumerate(in_batch)]
