"""What random graphs are drawn with: nodes in API format, chance that can be had again, and words of prompts."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

Link = list  # [id of the node, number of its output]


@dataclass(frozen=True)
class Made:
    """A node that was added; its outputs are taken by their numbers."""

    identity: str

    def __getitem__(self, output: int) -> Link:
        return [self.identity, output]


@dataclass
class Drawing:
    """A graph while it is drawn."""

    chance: random.Random
    nodes: dict[str, dict] = field(default_factory=dict)

    def add(self, class_type: str, **inputs: object) -> Made:
        """Add a node; an input that is None is left out."""
        identity = str(len(self.nodes) + 1)
        given = {name: value for name, value in inputs.items() if value is not None}
        self.nodes[identity] = {"class_type": class_type, "inputs": given}
        return Made(identity)

    def maybe(self, probability: float) -> bool:
        return self.chance.random() < probability

    def one(self, choices: Sequence) -> object:
        return self.chance.choice(choices)

    def number(self, low: float, high: float) -> float:
        return round(self.chance.uniform(low, high), 2)

    def window(self) -> tuple[float, float]:
        """A window that may be empty, which means never."""
        start, end = sorted((self.number(0, 1), self.number(0, 1)))
        return self.one([(0.0, end), (0.0, 1.0), (start, end), (start, 1.0), (0.0, 0.0)])

    def some(self, choices: Sequence[str], most: int) -> list[str]:
        """Between one and ``most`` of them, none twice."""
        different = list(dict.fromkeys(choices))
        return self.chance.sample(different, self.chance.randint(1, min(most, len(different))))


@dataclass(frozen=True)
class Text:
    """A prompt that is known by its words.

    Attributes:
        words: without punctuation and weights.
        text: what is encoded.
    """

    words: tuple[str, ...]
    text: str

    def phrases(self) -> list[str]:
        """What can be asked for: words, neighbours, and one of several equal words."""
        repeated = [f"{word}#2" for word in self.words if self.words.count(word) > 1]
        neighbours = [f"{a} {b}" for a, b in zip(self.words, self.words[1:], strict=False)]
        return [*self.words, *neighbours, *repeated]
