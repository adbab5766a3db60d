"""A record whose maps are adjusted: what a node gives out, and what it can say of the words."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes

from .adjustment import Adjustment, Positions
from .errors import P2PError
from .prompt_words import PromptWords
from .source_record import RecordHandle, SourceRecord


@dataclass(frozen=True)
class RecordedWord:
    """A word of a recorded prompt; see ``Word``."""

    label: str
    text: str
    positions: Positions
    is_punctuation: bool


class RecordedPrompt(PromptWords[RecordedWord]):
    """What a record keeps of a prompt, as far as words can be found in it; see ``Prompt``."""


def recorded_prompts(record: SourceRecord) -> tuple[RecordedPrompt, ...]:
    """The prompts of a record, in the order of its entries."""
    return tuple(
        RecordedPrompt(
            facts["text"],
            tuple(
                RecordedWord(word["label"], word["text"], tuple(word["positions"]), word["is_punctuation"])
                for word in facts["words"]
            ),
            facts["tokens"],
        )
        for facts in record.facts["prompts"]
    )


class AdjustedHandle(RecordHandle):
    """The record of another handle with more adjustments. It shares what was recorded, and follows a new run."""

    def __init__(self, base: RecordHandle, adjustments: Sequence[Adjustment]) -> None:
        super().__init__(base.request)
        self._base, self._adjustments = base, tuple(adjustments)
        self._of: SourceRecord | None = None

    @property
    def origin(self) -> RecordHandle:
        return self._base.origin

    def recorded(self) -> SourceRecord:
        record = self._base.recorded()
        if self._of is not record:
            for adjustment in self._adjustments:
                refuse_unknown(record, adjustment.words)
            self._of = record
            self.record = with_changes(record, adjustments=(*record.adjustments, *self._adjustments))
        return super().recorded()

    def get_ram_usage(self) -> int:
        """Nothing of its own."""
        return 0


def refuse_unknown(record: SourceRecord, words: Sequence[str]) -> None:
    """Raises:
    P2PError: words that stand in no prompt of the record together, or whose maps are not kept.
    """
    prompts = recorded_prompts(record)
    having = [entry for entry, prompt in enumerate(prompts) if all(map(prompt.has, words))]
    if not having:
        _refuse_missing(prompts, words)
    for entry in having if record.keep == "words" else ():
        _refuse_not_kept(prompts[entry], set(record.positions(entry)), words)


def _refuse_missing(prompts: Sequence[RecordedPrompt], words: Sequence[str]) -> None:
    for word in words:
        if not any(prompt.has(word) for prompt in prompts):
            prompts[0].find(word)
    raise P2PError(
        f'"{words[0]}" and "{words[-1]}" stand in different prompts of the record: give two words of one prompt.'
    )


def _refuse_not_kept(prompt: RecordedPrompt, kept: set[int], words: Sequence[str]) -> None:
    for word in words:
        if not kept.issuperset(prompt.find(word)):
            there = [one.label for one in prompt.words if not one.is_punctuation and kept.issuperset(one.positions)]
            raise P2PError(
                f'The record keeps no map of "{word}", only of: {", ".join(there)}. Choose one of these, or name '
                f'"{word}" in the words of P2P Record too and record again.'
            )
