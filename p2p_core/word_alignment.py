"""Which words of the source stand in the target, and which took the place of which: an optimal alignment.

The published aligners either need equal word counts (``get_replacement_mapper``) or align token by token
(``get_mapper``). This one is an edit distance over whole words (Needleman & Wunsch 1970; Levenshtein 1966):

1. Keep as many words as possible, then as much punctuation, then add and remove as few words as possible. What is still
   equal goes to the leftmost choice, as in the published mapper.
2. Between two kept words, as many new words as old ones replace them in order (the published rule). Where the numbers
   differ, only like replaces like (``word_kinds``): ``a red cat`` → ``a dog on grass`` makes the cat the dog.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple, get_args

import numpy as np

from .prompt import Prompt, Word
from .word_kinds import Kind, kinds_of_words

Change = Literal["kept", "replaced", "added", "removed"]
UNPAIRED = 1  # the cost of a word without a partner
_NEVER = 2**62  # dearer than any path through prompts that have no more than 2**20 words together
_BITS = tuple(128 >> place for place in range(8))  # as numpy packs them


@dataclass(frozen=True)
class WordPair:
    """What became of some words: ``source`` is empty for an added word, ``target`` for a removed one."""

    change: Change
    source: tuple[Word, ...]
    target: tuple[Word, ...]


@dataclass(frozen=True, eq=False)
class _Side:
    """What the aligner sees of one prompt, one entry per word.

    Attributes:
        keys: equal numbers, also between the two sides, for words of equal tokens.
        kind_numbers, punctuation: what of ``kinds`` costs are made of, as arrays.
    """

    words: tuple[Word, ...]
    kinds: tuple[Kind, ...]
    keys: np.ndarray
    kind_numbers: np.ndarray
    punctuation: np.ndarray


def align_words(source: Prompt, target: Prompt) -> tuple[WordPair, ...]:
    """Account for every word of both prompts exactly once, in the order of both.

    Modifiers that are removed right before a replaced word belong to it: ``a teddy bear`` → ``a lion`` replaces two
    words by one. The other way round they do not, they are added: sharing one word's map among several leaves the head
    too little of it (on the embedded model ``a dog`` → ``a blue car`` then showed a car for 5 seeds of 8 instead of 8).
    """
    number_of: dict[tuple[Hashable, ...], int] = {}
    left, right = _side(source, number_of), _side(target, number_of)
    pairs: list[WordPair] = []
    modifiers: list[Word] = []  # removed, and not yet accounted for
    for move in _moves_with_like_for_like(left, right):
        if move.change == "removed" and left.kinds[move.row] == "modifier":
            modifiers.append(left.words[move.row])
            continue
        if move.change != "replaced":
            pairs += _removed(modifiers)
            modifiers = []
        old = () if move.change == "added" else (*modifiers, left.words[move.row])
        new = () if move.change == "removed" else (right.words[move.column],)
        pairs.append(WordPair(move.change, old, new))
        modifiers = []
    return (*pairs, *_removed(modifiers))


def _removed(words: Sequence[Word]) -> list[WordPair]:
    return [WordPair("removed", (word,), ()) for word in words]


def _side(prompt: Prompt, number_of: dict[tuple[Hashable, ...], int]) -> _Side:
    """``number_of`` learns the words that it does not know yet."""
    keys = (tuple(prompt.token_keys[position] for position in word.positions) for word in prompt.words)
    texts = [word.text.casefold() for word in prompt.words]
    kinds = kinds_of_words(texts, [word.is_punctuation for word in prompt.words])
    known = get_args(Kind)
    return _Side(
        prompt.words,
        kinds,
        np.array([number_of.setdefault(key, len(number_of)) for key in keys], dtype=np.int64),
        np.array([known.index(kind) for kind in kinds], dtype=np.int64),
        np.array([kind == "punctuation" for kind in kinds], dtype=bool),
    )


class _Move(NamedTuple):
    """One step through both prompts: what happens to the source word ``row`` and the target word ``column``."""

    change: Change
    row: int
    column: int


PairCosts = Callable[[_Side, _Side, int, range], np.ndarray]  # of one source word beside some target words


def _moves_with_like_for_like(left: _Side, right: _Side) -> list[_Move]:
    if np.array_equal(left.keys, right.keys):  # every word is kept, which no other path reaches
        return [_Move("kept", number, number) for number in range(len(left.words))]
    costs = _Costs(len(left.words) + len(right.words))
    moves = _moves(left, right, range(len(left.words)), range(len(right.words)), costs.any_replacement)
    aligned: list[_Move] = []
    for is_kept, run in groupby(moves, key=lambda move: move.change == "kept"):
        gap = list(run)
        rows = [move.row for move in gap if move.change != "added"]
        columns = [move.column for move in gap if move.change != "removed"]
        if is_kept or len(rows) == len(columns):
            aligned += gap
        else:
            aligned += _moves(left, right, _span(rows), _span(columns), costs.like_for_like)
    return aligned


def _span(places: Sequence[int]) -> range:
    return range(places[0], places[-1] + 1) if places else range(0)


def _moves(left: _Side, right: _Side, rows: range, columns: range, pair_costs: PairCosts) -> list[_Move]:
    """The cheapest path through some consecutive words of both sides, the leftmost one of several."""
    choices = _best_choices(left, right, rows, columns, pair_costs)
    moves: list[_Move] = []
    i = j = 0
    while i < len(rows) or j < len(columns):
        row, column = rows.start + i, columns.start + j
        both = i < len(rows) and j < len(columns)
        if both and choices.pair[i, j // 8] & _BITS[j % 8]:
            moves.append(_Move("kept" if left.keys[row] == right.keys[column] else "replaced", row, column))
            i, j = i + 1, j + 1
        elif i < len(rows) and (not both or choices.removal[i, j // 8] & _BITS[j % 8]):
            moves.append(_Move("removed", row, column))
            i += 1
        else:
            moves.append(_Move("added", row, column))
            j += 1
    return moves


class _Choices(NamedTuple):
    """Bits, eight columns a byte: whether the least cost of what follows is reached by pairing, or by a removal."""

    pair: np.ndarray
    removal: np.ndarray


def _best_choices(left: _Side, right: _Side, rows: range, columns: range, pair_costs: PairCosts) -> _Choices:
    """The table of the edit distance, a row at a time from its end, of which only the choices are kept.

    With ``rest[i][j]`` the least cost of aligning what follows the first i source and j target words,
    ``rest[i][j] = min(rest[i][j + 1] + 1, reached[j])`` where ``reached`` needs the next row only. Less ``-j`` this
    is a running minimum from the right: a whole row is a few operations. Ten thousand words take seconds and 25 MB.
    """
    width = len(columns)
    bytes_of_row = -(-width // 8)
    choices = _Choices(*(np.zeros((len(rows), bytes_of_row), dtype=np.uint8) for _ in _Choices._fields))
    place = np.arange(width + 1, dtype=np.int64) * UNPAIRED
    following = place[::-1].copy()
    for i in reversed(range(len(rows))):
        pairing = pair_costs(left, right, rows.start + i, columns) + following[1:]
        removing = following + UNPAIRED
        reached = removing.copy()
        np.minimum(reached[:-1], pairing, out=reached[:-1])
        rest = np.minimum.accumulate((reached + place)[::-1])[::-1] - place
        choices.pair[i] = np.packbits(pairing == rest[:-1])
        choices.removal[i] = np.packbits(removing[:-1] == rest[:-1])
        following = rest
    return choices


class _Costs:
    """The order of preferences as one whole number: digits in a base that no sum of them can carry over."""

    def __init__(self, words: int) -> None:
        base = 2 * words * UNPAIRED + 1
        self._kept_punctuation = -base
        self._kept_word = -(base**2)

    def any_replacement(self, left: _Side, right: _Side, row: int, columns: range) -> np.ndarray:
        """The costs of putting a source word beside target words; ``_NEVER`` where punctuation would meet a word."""
        is_punctuation = bool(left.punctuation[row])
        kept = self._kept_punctuation if is_punctuation else self._kept_word
        meets = right.punctuation[columns.start : columns.stop] == is_punctuation
        same = right.keys[columns.start : columns.stop] == left.keys[row]
        return np.where(same, kept, np.where(meets, 0, _NEVER))

    def like_for_like(self, left: _Side, right: _Side, row: int, columns: range) -> np.ndarray:
        """The same, and ``_NEVER`` where two words are of different kinds."""
        same = right.keys[columns.start : columns.stop] == left.keys[row]
        alike = right.kind_numbers[columns.start : columns.stop] == left.kind_numbers[row]
        return np.where(same | alike, self.any_replacement(left, right, row, columns), _NEVER)


def summary(pairs: Sequence[WordPair]) -> str:
    """The account in words, for messages and logs: ``cat → dog, + fluffy, − red``."""
    texts = [(pair, *(" ".join(word.text for word in words) for words in (pair.source, pair.target))) for pair in pairs]
    sentence = {"replaced": "{} → {}", "added": "+ {1}", "removed": "− {0}"}
    return ", ".join(sentence[pair.change].format(old, new) for pair, old, new in texts if pair.change in sentence)
