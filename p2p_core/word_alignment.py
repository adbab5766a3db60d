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
from typing import Literal, NamedTuple

from .prompt import Prompt, Word
from .word_kinds import Kind, kinds_of_words

Change = Literal["kept", "replaced", "added", "removed"]
UNPAIRED = 1  # the cost of a word without a partner


@dataclass(frozen=True)
class WordPair:
    """What became of some words: ``source`` is empty for an added word, ``target`` for a removed one."""

    change: Change
    source: tuple[Word, ...]
    target: tuple[Word, ...]


@dataclass(frozen=True)
class _Side:
    """What the aligner sees of one prompt, one entry per word."""

    words: tuple[Word, ...]
    keys: tuple[tuple[Hashable, ...], ...]
    kinds: tuple[Kind, ...]


def align_words(source: Prompt, target: Prompt) -> tuple[WordPair, ...]:
    """Account for every word of both prompts exactly once, in the order of both.

    Modifiers that are removed right before a replaced word belong to it: ``a teddy bear`` → ``a lion`` replaces two
    words by one. The other way round they do not, they are added: sharing one word's map among several leaves the head
    too little of it (on the embedded model ``a dog`` → ``a blue car`` then showed a car for 5 seeds of 8 instead of 8).
    """
    left, right = _side(source), _side(target)
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


def _side(prompt: Prompt) -> _Side:
    keys = tuple(tuple(prompt.token_keys[position] for position in word.positions) for word in prompt.words)
    texts = [word.text.casefold() for word in prompt.words]
    return _Side(prompt.words, keys, kinds_of_words(texts, [word.is_punctuation for word in prompt.words]))


class _Move(NamedTuple):
    """One step through both prompts: what happens to the source word ``row`` and the target word ``column``."""

    change: Change
    row: int
    column: int


PairCost = Callable[[_Side, _Side, int, int], "int | None"]


def _moves_with_like_for_like(left: _Side, right: _Side) -> list[_Move]:
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


def _moves(left: _Side, right: _Side, rows: range, columns: range, pair_cost: PairCost) -> list[_Move]:
    """The cheapest path through some consecutive words of both sides, the leftmost one of several."""
    rest = _cost_of_rest(left, right, rows, columns, pair_cost)
    moves: list[_Move] = []
    i = j = 0
    while i < len(rows) or j < len(columns):
        row, column = rows.start + i, columns.start + j
        pair = pair_cost(left, right, row, column) if i < len(rows) and j < len(columns) else None
        if pair is not None and rest[i][j] == pair + rest[i + 1][j + 1]:
            moves.append(_Move("kept" if left.keys[row] == right.keys[column] else "replaced", row, column))
            i, j = i + 1, j + 1
        elif i < len(rows) and rest[i][j] == UNPAIRED + rest[i + 1][j]:
            moves.append(_Move("removed", row, column))
            i += 1
        else:
            moves.append(_Move("added", row, column))
            j += 1
    return moves


def _cost_of_rest(left: _Side, right: _Side, rows: range, columns: range, pair_cost: PairCost) -> list[list[int]]:
    """``rest[i][j]``: the least cost of aligning what follows the first i source and j target words."""
    rest = [[UNPAIRED * (i + j) for j in range(len(columns), -1, -1)] for i in range(len(rows), -1, -1)]
    for i in reversed(range(len(rows))):
        for j in reversed(range(len(columns))):
            best = UNPAIRED + min(rest[i + 1][j], rest[i][j + 1])
            pair = pair_cost(left, right, rows.start + i, columns.start + j)
            rest[i][j] = best if pair is None else min(best, pair + rest[i + 1][j + 1])
    return rest


class _Costs:
    """The order of preferences as one whole number: digits in a base that no sum of them can carry over."""

    def __init__(self, words: int) -> None:
        base = 2 * words * UNPAIRED + 1
        self._kept_punctuation = -base
        self._kept_word = -(base**2)

    def any_replacement(self, left: _Side, right: _Side, row: int, column: int) -> int | None:
        """The cost of putting two words side by side; None where punctuation would meet a word."""
        kinds = left.kinds[row], right.kinds[column]
        if left.keys[row] == right.keys[column]:
            return self._kept_punctuation if kinds[0] == "punctuation" else self._kept_word
        return 0 if (kinds[0] == "punctuation") == (kinds[1] == "punctuation") else None

    def like_for_like(self, left: _Side, right: _Side, row: int, column: int) -> int | None:
        """The same, and None where two words are of different kinds."""
        if left.keys[row] != right.keys[column] and left.kinds[row] != right.kinds[column]:
            return None
        return self.any_replacement(left, right, row, column)


def summary(pairs: Sequence[WordPair]) -> str:
    """The account in words, for messages and logs: ``cat → dog, + fluffy, − red``."""
    texts = [(pair, *(" ".join(word.text for word in words) for words in (pair.source, pair.target))) for pair in pairs]
    sentence = {"replaced": "{} → {}", "added": "+ {1}", "removed": "− {0}"}
    return ", ".join(sentence[pair.change].format(old, new) for pair, old, new in texts if pair.change in sentence)
