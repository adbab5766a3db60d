"""Finding in a prompt the words that a person names, whatever else is known of the prompt."""

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from .phrases import Spelled, find_phrase, meant_places


class PlacedWord(Protocol):
    """A word and its tokens in the conditioning."""

    @property
    def text(self) -> str: ...

    @property
    def positions(self) -> tuple[int, ...]: ...


_Word = TypeVar("_Word", bound=PlacedWord)


@dataclass(frozen=True)
class PromptWords(Generic[_Word]):
    """What can be found in a prompt.

    Attributes:
        text: as the user wrote it.
        words: in order, punctuation included.
        token_count: tokens of the conditioning.
    """

    text: str
    words: tuple[_Word, ...]
    token_count: int

    def find(self, phrase: str) -> tuple[int, ...]:
        """The token positions of a word or of a phrase of consecutive words, in ascending order.

        Case and punctuation do not matter. All occurrences are found; ``phrase#2`` is the second only. Punctuation
        inside a phrase (the hyphen of ``teddy-bear``) belongs to it.

        Raises:
            P2PError: the phrase is not there; the message names the words that are, and the closest of them.
        """
        spans = find_phrase(self._spelled, phrase, self.text)
        return tuple(position for span in spans for index in span for position in self.words[index].positions)

    def has(self, phrase: str) -> bool:
        """Whether ``find`` finds it."""
        return bool(meant_places(self._spelled, phrase))

    @cached_property
    def _spelled(self) -> Spelled:
        return Spelled([word.text for word in self.words])
