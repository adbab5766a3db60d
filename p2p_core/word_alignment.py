"""Which words of the source stand in the target, and which took the place of which: an optimal alignment.

The published aligners either need equal word counts (``get_replacement_mapper``) or align token by token
(``get_mapper``). This one is an edit distance over whole words (Needleman & Wunsch 1970; Levenshtein 1966) whose costs
are compared in this order: keep as many words as possible, then as much punctuation, then add and remove as little as
possible, then replace like by like (``word_kinds``); what is still equal goes to the leftmost choice.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from .prompt import Prompt, Word
from .word_kinds import Kind, kinds_of_words, mismatch

Change = Literal["kept", "replaced", "added", "removed"]


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
    words by one.
    """
    left, right = _side(source), _side(target)
    pairs: list[WordPair] = []
    removed_modifiers: list[Word] = []
    for change, row, column in _moves(left, right):
        if change == "removed" and left.kinds[row] == "modifier":
            removed_modifiers.append(left.words[row])
            continue
        if change != "replaced":
            pairs += [WordPair("removed", (word,), ()) for word in removed_modifiers]
            removed_modifiers = []
        source_words = () if change == "added" else (*removed_modifiers, left.words[row])
        pairs.append(WordPair(change, source_words, () if change == "removed" else (right.words[column],)))
        removed_modifiers = []
    return (*pairs, *(WordPair("removed", (word,), ()) for word in removed_modifiers))


def _side(prompt: Prompt) -> _Side:
    keys = tuple(tuple(prompt.token_keys[position] for position in word.positions) for word in prompt.words)
    texts = [word.text.casefold() for word in prompt.words]
    return _Side(prompt.words, keys, kinds_of_words(texts, [word.is_punctuation for word in prompt.words]))


def _moves(left: _Side, right: _Side) -> list[tuple[Change, int, int]]:
    """The cheapest path through both prompts: (change, source word reached, target word reached)."""
    rows, columns = len(left.words), len(right.words)
    costs = _Costs(rows + columns)
    rest = _cost_of_rest(left, right, costs)
    moves: list[tuple[Change, int, int]] = []
    row = column = 0
    while row < rows or column < columns:
        pair = costs.pair(left, right, row, column) if row < rows and column < columns else None
        if pair is not None and rest[row][column] == pair + rest[row + 1][column + 1]:
            moves.append(("kept" if left.keys[row] == right.keys[column] else "replaced", row, column))
            row, column = row + 1, column + 1
        elif row < rows and rest[row][column] == costs.unpaired + rest[row + 1][column]:
            moves.append(("removed", row, column))
            row += 1
        else:
            moves.append(("added", row, column))
            column += 1
    return moves


def _cost_of_rest(left: _Side, right: _Side, costs: "_Costs") -> list[list[int]]:
    """``rest[i][j]``: the least cost of aligning the source from word i with the target from word j."""
    rows, columns = len(left.words), len(right.words)
    rest = [[costs.unpaired * (above + beside) for beside in range(columns, -1, -1)] for above in range(rows, -1, -1)]
    for row in reversed(range(rows)):
        for column in reversed(range(columns)):
            best = costs.unpaired + min(rest[row + 1][column], rest[row][column + 1])
            pair = costs.pair(left, right, row, column)
            rest[row][column] = best if pair is None else min(best, pair + rest[row + 1][column + 1])
    return rest


class _Costs:
    """The order of preferences as one whole number: its digits, in a base that no sum of them can carry over."""

    def __init__(self, words: int) -> None:
        base = 4 * words + 1
        self.unpaired = base
        self.kept_punctuation = -(base**2)
        self.kept_word = -(base**3)

    def pair(self, left: _Side, right: _Side, row: int, column: int) -> int | None:
        """The cost of putting two words side by side; None where punctuation would meet a word."""
        kinds = left.kinds[row], right.kinds[column]
        if left.keys[row] == right.keys[column]:
            return self.kept_punctuation if kinds[0] == "punctuation" else self.kept_word
        if kinds[0] != kinds[1] and "punctuation" in kinds:
            return None
        return mismatch(*kinds)


def summary(pairs: Sequence[WordPair]) -> str:
    """The account in words, for messages and logs: ``cat → dog, + fluffy, − red``."""
    texts = [(pair, *(" ".join(word.text for word in words) for words in (pair.source, pair.target))) for pair in pairs]
    sentence = {"replaced": "{} → {}", "added": "+ {1}", "removed": "− {0}"}
    return ", ".join(sentence[pair.change].format(old, new) for pair, old, new in texts if pair.change in sentence)
