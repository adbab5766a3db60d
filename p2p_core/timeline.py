"""What an edit does when, for people: rows of words with a window and the steps in which they are edited.

A row is plain data that JSON can hold. Its steps are computed here, so that who draws it repeats no rule of windows.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .adjustment import Positions
from .edit import Controller, Edit
from .local_blend import LocalBlend
from .prompt import Prompt, Word
from .windows import Window
from .word_alignment import WordPair

Row = dict[str, object]
_Found = tuple[Row, Window]
_TAKEN = ("swap", "adjust", "keep", "self")  # rows of what is taken from the source


@dataclass(frozen=True)
class KeptSteps:
    """The steps of which a record has any attention of a source."""

    cross: Collection[int]
    self_attention: Collection[int]


def timeline(
    controllers: Sequence[Controller],
    progress: Sequence[float],
    adjusted: Sequence[Positions] = (),
    kept: Sequence[KeptSteps | None] = (),
) -> list[list[dict]]:
    """What is edited when, for prompts that are sampled together.

    Args:
        controllers: one per prompt; their targets share rows of the batch.
        progress: at the start of every step.
        adjusted: per controller, the tokens of its source whose maps were adjusted in a record; () where all of them
            take their source as it is.
        kept: per controller, when its source can be taken from a record; None for always.

    Returns:
        Per controller and target ``{"target": its number from 1, "prompt": its text, "rows": [...]}``. Every row has
        ``kind`` ("swap", "scale", "move", "adjust", "keep", "self" or "blend"), ``words``, ``window`` [start, end] and
        ``active``, the ranges [first, after last] of the steps it acts in; beside that what its kind needs.
    """
    changed = adjusted or [()] * len(controllers)
    available = kept or [None] * len(controllers)
    of_target = zip(*(one.edits for one in controllers), strict=True)
    targets = [_targets_alike(edits, changed, available, progress) for edits in of_target]
    return [
        [{"target": number, **target} for number, target in enumerate(own, start=1)]
        for own in zip(*targets, strict=True)
    ]


def _targets_alike(
    edits: Sequence[Edit],
    adjusted: Sequence[Positions],
    kept: Sequence[KeptSteps | None],
    progress: Sequence[float],
) -> list[dict]:
    """One target of every controller: they share their row of the batch."""
    # As the plan of a run has it: an identity stays one only where nothing of its row is edited or adjusted.
    is_equal = not any(adjusted) and all(edit.is_identity for edit in edits)
    blend = next((edit.blend for edit in edits if edit.blend is not None), None)  # one mask per picture
    shown = []
    for edit, changed, available in zip(edits, adjusted, kept, strict=True):
        rows = [] if is_equal else _rows_of(edit, changed)
        rows += _blend_row(edit.blend) if edit.blend is blend else []
        with_steps = [_with_steps(row, window, progress, available) for row, window in rows]
        shown.append({"prompt": edit.target.text, "rows": with_steps})
    return shown


def _rows_of(edit: Edit, adjusted: Positions) -> list[_Found]:
    """What is swapped, scaled, moved, adjusted and kept, and how self-attention is edited."""
    inherited = _inherited(edit)
    return [
        *(
            (_row("swap", edit.target, words.target, source=_phrases(edit.source, words.source)), window)
            for (is_kept, window), words in inherited.items()
            if not is_kept
        ),
        *_scale_rows(edit),
        *_move_rows(edit),
        *_adjust_rows(edit, adjusted),
        *(
            (_row("keep", edit.target, words.target), window)
            for (is_kept, window), words in inherited.items()
            if is_kept
        ),
        *_self_row(edit),
    ]


@dataclass(frozen=True)
class _Words:
    """Words that have one window, and the words of the source whose place they took."""

    target: tuple[Word, ...] = ()
    source: tuple[Word, ...] = ()

    def with_word(self, word: Word, source: Iterable[Word]) -> "_Words":
        return _Words((*self.target, word), tuple(dict.fromkeys((*self.source, *source))))


def _inherited(edit: Edit) -> dict[tuple[bool, Window], _Words]:
    """The words that take the source's attention, by whether they are kept and by their window."""
    grouped: dict[tuple[bool, Window], _Words] = {}
    for word, pair, window in _inheriting(edit):
        key = pair.change == "kept", window
        grouped[key] = grouped.get(key, _Words()).with_word(word, pair.source)
    # Start, end and padding follow the cross window, even where it is that of no word.
    if any(edit.target.special[position] is not None for position in _inheriting_positions(edit)):
        grouped.setdefault((True, edit.cross_window), _Words())
    return {key: words for key, words in grouped.items() if not key[1].is_empty}


def _inheriting(edit: Edit) -> Iterator[tuple[Word, WordPair, Window]]:
    """Every word of the target that takes the source's attention, of which pair, and when."""
    window_of = edit.windows_of(_inheriting_positions(edit))
    for pair in edit.alignment.pairs:
        for word in pair.target:
            for window in {window_of[position] for position in word.positions if position in window_of}:
                yield word, pair, window


def _inheriting_positions(edit: Edit) -> set[int]:
    return set(edit.inherits.nonzero().flatten().tolist())


def _scale_rows(edit: Edit) -> list[_Found]:
    """Scales of one word in one window are multiplied, as they are in its map."""
    joint: dict[tuple[int, Window], float] = {}
    for positions, factor, window in edit.scales:
        for position in () if window.is_empty else positions:
            joint[position, window] = joint.get((position, window), 1.0) * factor
    grouped: dict[tuple[float, Window], list[int]] = {}
    for (position, window), factor in joint.items():
        if factor != 1:
            grouped.setdefault((factor, window), []).append(position)
    return [
        (_row("scale", edit.target, _words_at(edit.target, positions), scale=factor), window)
        for (factor, window), positions in grouped.items()
    ]


def _move_rows(edit: Edit) -> list[_Found]:
    return [
        (
            _row(
                "move",
                edit.target,
                _words_at(edit.target, positions),
                offset=[placement.offset_x, placement.offset_y],
                size=placement.scale,
            ),
            window,
        )
        for positions, placement, window in edit.moves
        if not (placement.is_identity or window.is_empty)
    ]


def _adjust_rows(edit: Edit, adjusted: Positions) -> list[_Found]:
    """The words that take the attention of words that were adjusted in the record."""
    grouped: dict[Window, list[Word]] = {}
    for word, pair, window in _inheriting(edit):
        if not window.is_empty and any(set(adjusted).intersection(source.positions) for source in pair.source):
            grouped.setdefault(window, []).append(word)
    return [(_row("adjust", edit.target, words), window) for window, words in grouped.items()]


def _self_row(edit: Edit) -> list[_Found]:
    if edit.self_window is None or edit.self_window.is_empty:
        return []
    return [({"kind": "self", "words": "", "mode": edit.self_mode, "grids": edit.self_grids}, edit.self_window)]


def _blend_row(blend: LocalBlend | None) -> list[_Found]:
    return [] if blend is None else [({"kind": "blend", "words": blend.words}, Window(blend.start, 1.0))]


def _row(kind: str, prompt: Prompt, words: Sequence[Word], **more: object) -> Row:
    return {"kind": kind, "words": _phrases(prompt, words), **more}


def _with_steps(row: Row, window: Window, progress: Sequence[float], kept: KeptSteps | None) -> Row:
    # A local blend that starts at 1 has its mask still at the last noise level, where a window would be empty.
    is_last = row["kind"] == "blend"
    acts = [value >= window.start if is_last else window.contains(value) for value in progress]
    if kept is not None and row["kind"] in _TAKEN:
        available = kept.self_attention if row["kind"] == "self" else kept.cross
        acts = [is_open and step in available for step, is_open in enumerate(acts)]
    return {**row, "window": [window.start, window.end], "active": _ranges(acts)}


def _ranges(acts: Sequence[bool]) -> list[list[int]]:
    """[first, after last] of every run of trues."""
    padded = [False, *acts, False]
    bounds = [index for index in range(len(acts) + 1) if padded[index] != padded[index + 1]]
    return [list(pair) for pair in zip(bounds[::2], bounds[1::2], strict=True)]


def _words_at(prompt: Prompt, positions: Iterable[int]) -> tuple[Word, ...]:
    wanted = set(positions)
    return tuple(word for word in prompt.words if wanted.intersection(word.positions))


def _phrases(prompt: Prompt, words: Sequence[Word]) -> str:
    """Words as a person would say them: neighbours as one phrase, which commas part."""
    chosen = {word.positions for word in words if not word.is_punctuation}
    spoken = [word for word in prompt.words if not word.is_punctuation]
    phrases: list[list[str]] = []
    goes_on = False
    for word in spoken:
        is_chosen = word.positions in chosen
        if is_chosen and goes_on:
            phrases[-1].append(word.text)
        elif is_chosen:
            phrases.append([word.text])
        goes_on = is_chosen
    return ", ".join(" ".join(phrase) for phrase in phrases)
