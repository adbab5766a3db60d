"""Which recorded maps belong to the words a person asks for, side by side for all pictures of a batch."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch

from .attention_refinement import refined
from .attention_store import AttentionRecord, AttentionStore, RowMaps, Side
from .errors import P2PError
from .phrases import Spelled, meant_places, split_occurrence

MEAN = -1  # in place of the number of a step


@dataclass(frozen=True, eq=False)
class WordMap:
    """What one word looks at in one picture.

    Attributes:
        label: the word, with its side where that is the negative prompt.
        attention: (grid height, grid width) float32: the probability that a place looks at the word.
        side, prompt: of the prompt that it stands in.
    """

    label: str
    attention: torch.Tensor
    side: Side = "positive"
    prompt: str = ""


Column = tuple[WordMap | None, ...]  # one word, or words that took each other's place: an entry per picture
_Strand = Mapping[int, RowMaps]  # by row of the batch: prompts that stand in the same place of its conditioning
_Indices = Mapping[int, Sequence[int]]  # by row: the numbers of the words that make the column


def word_columns(store: AttentionStore, words: Sequence[str] = (), step: int = MEAN, refine: int = 0) -> list[Column]:
    """The maps of some words for every picture of the batch.

    Args:
        store: a filled store.
        words: phrases, in the order of the columns. None for every recorded word, in the order of the prompts; a word
            of one picture then shares its column with the word that takes its place in another.
        step: which of the kept steps, from 0; ``MEAN`` for the mean of all that were recorded.
        refine: how often the maps are multiplied with the self-attention.

    Raises:
        P2PError: an empty store, a word or a step that was not recorded, or no self-attention to refine with.
    """
    record = store.recorded()
    _check_step(store, record, step)
    strands = _strands(record)
    if words:
        spelled = {maps: Spelled([split_occurrence(word)[0] for word in maps.words]) for maps in record.rows}
        chosen = [column for word in words for column in _columns_of(word, strands, store, spelled)]
    else:
        chosen = [(strand, indices) for strand in strands for indices in _merged_columns(strand)]
    return [
        tuple(
            _word_map(strand[row], indices[row], step, refine) if row in indices else None
            for row in range(record.row_count)
        )
        for strand, indices in chosen
    ]


def picture_labels(record: AttentionRecord) -> tuple[str, ...]:
    """What to call each picture of the batch: its role in the edit, or its number."""
    roles = {maps.row: maps.role for maps in reversed(record.rows)}
    return tuple(roles.get(row) or f"picture {row + 1}" for row in range(record.row_count))


def _check_step(store: AttentionStore, record: AttentionRecord, step: int) -> None:
    kept = len(record.progress) if store.request.keep_steps else 0
    if step >= kept:
        there = f"steps 0 to {kept - 1} were" if kept else "only the mean of all steps was"
        raise P2PError(
            f"Step {step} was not kept, {there}: set step to -1 for the mean, or turn keep_steps on in P2P Attention "
            "Store and run again."
        )


def _strands(record: AttentionRecord) -> list[_Strand]:
    """The prompts in the order of the conditioning, those of the positive side first."""
    strands: dict[tuple[bool, int], dict[int, RowMaps]] = {}
    places: Counter[tuple[int, str]] = Counter()
    for maps in record.rows:
        place = places[maps.row, maps.side]
        places[maps.row, maps.side] += 1
        strands.setdefault((maps.side == "negative", place), {})[maps.row] = maps
    return [strands[key] for key in sorted(strands)]


def _columns_of(
    phrase: str, strands: Sequence[_Strand], store: AttentionStore, spelled: Mapping[RowMaps, Spelled]
) -> list[tuple[_Strand, _Indices]]:
    """A column for each strand that has the phrase in some row."""
    columns: list[tuple[_Strand, _Indices]] = []
    for strand in strands:
        found = {row: _find(maps, spelled[maps], phrase, bool(store.request.words)) for row, maps in strand.items()}
        indices = {row: places for row, places in found.items() if places}
        columns += [(strand, indices)] if indices else []
    if not columns:
        recorded = dict.fromkeys(word for strand in strands for maps in strand.values() for word in maps.words)
        raise P2PError(
            f'No map of "{phrase}" was recorded. There are maps of: {", ".join(recorded)}. Choose one of these, or '
            "leave words empty in P2P Attention Store to record every word."
        )
    return columns


def _find(maps: RowMaps, spelled: Spelled, phrase: str, phrases_were_chosen: bool) -> Sequence[int]:
    """The words that make a phrase. A phrase's map is the sum of theirs, as a word's is the sum over its tokens."""
    if phrases_were_chosen:  # which need not stand in the prompt in this order
        return [index for index, label in enumerate(maps.words) if _plain(label) == _plain(phrase)]
    return [index for span in meant_places(spelled, phrase) for index in span]


def _plain(label: str) -> str:
    return " ".join(label.casefold().split())


def _word_and_occurrence(label: str) -> tuple[str, int]:
    word, occurrence = split_occurrence(label)
    return _plain(word), occurrence or 1


def _merged_columns(strand: _Strand) -> Sequence[_Indices]:
    """The words of all rows in one order: words of the first row, and what they became in others, share a column.

    Where numbers of words differ the last ones share: they are what the others describe.
    """
    labels = {row: [_word_and_occurrence(word) for word in maps.words] for row, maps in sorted(strand.items())}
    first = next(iter(labels.values()))
    shared: list[dict[int, Sequence[int]]] = [{} for _ in first]
    added: list[list[dict[int, Sequence[int]]]] = [[] for _ in range(len(first) + 1)]  # before each of the shared ones
    for row, words in labels.items():
        for _, a0, a1, b0, b1 in difflib.SequenceMatcher(None, first, words, autojunk=False).get_opcodes():
            common = min(a1 - a0, b1 - b0)
            for from_end in range(1, common + 1):
                shared[a1 - from_end][row] = (b1 - from_end,)
            for place, word in enumerate(range(b0, b1 - common)):
                added[a0] += [{}] if place == len(added[a0]) else []
                added[a0][place][row] = (word,)
    pairs = zip_longest(added, shared)
    return [column for before, own in pairs for column in (*before, own) if column is not None]


def _word_map(maps: RowMaps, indices: Sequence[int], step: int, refine: int) -> WordMap | None:
    place = 0 if step == MEAN else maps.place_of(step)
    if place is None:
        return None
    of_word = maps.maps[:, list(indices)].float().sum(dim=1)
    attention = of_word.mean(dim=0) if step == MEAN else of_word[place]
    words = " ".join(maps.words[index] for index in indices)
    label = words if maps.side == "positive" else f"{words} (negative)"
    return WordMap(label, refined(attention, maps.self_map, refine), maps.side, maps.prompt)
