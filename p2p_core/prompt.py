"""A prompt as its words and the token positions they own.

People point at words; attention maps have one column per token. This file is the only bridge between the two, and it
reads the word boundaries from the tokenizer's own end-of-word marks instead of counting characters or spaces.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes

import torch

from .bpe import END_OF_WORD, readable_text
from .chunks import Special, SpecialTokens, Stream, Token, is_embedding, read_chunks
from .phrases import is_punctuation, units_of
from .prompt_words import PromptWords

__all__ = ["Prompt", "Special", "SpecialTokens", "Word", "read_prompt"]

LONGEST_TEXT = 100_000  # characters
_EMBEDDING_NAME = re.compile(r"embedding:([^\s,()]+?)(?=:[\d.]+\)|[\s,()]|$)")


@dataclass(frozen=True)
class Word:
    """What a person points at.

    Attributes:
        text: as the tokenizer read it (CLIP reads lower case), ``embedding:name`` for an embedding.
        occurrence: this is the n-th time the word stands in the prompt, from 1.
        positions: its tokens in the whole conditioning, over all chunks.
        is_punctuation: not to be offered to users; it only helps to align prompts.
    """

    text: str
    occurrence: int
    positions: tuple[int, ...]
    is_punctuation: bool = False


@dataclass(frozen=True)
class Prompt(PromptWords[Word]):
    """The words of a prompt and where they stand among its tokens. Plain data, hashable, equal by content.

    Attributes:
        text, words: see ``PromptWords``.
        token_count: tokens of the conditioning, ``chunk_length`` times the number of chunks, plus ``appended``.
        token_keys: one per token, equal where two tokens say the same; a token's weight is no part of it.
        chunk_length: tokens per chunk (77 for CLIP).
        special: one per token: "start", "end", "padding", "appended", or None for a token of a word.
        appended: how many tokens another node put after the prompt's own. What they say is not known.
        variant: differs between conditionings of one text that are not the same (another CLIP skip, an average).
    """

    token_keys: tuple[Hashable, ...]
    chunk_length: int
    special: tuple[Special | None, ...]
    appended: int = 0
    variant: int = 0

    @property
    def own_token_count(self) -> int:
        """The tokens that were made from the text."""
        return self.token_count - self.appended

    @property
    def chunk_count(self) -> int:
        """The chunks that were made from the text."""
        return self.own_token_count // self.chunk_length

    def extended(self, keys: Sequence[Hashable]) -> "Prompt":
        """The prompt in a conditioning to which a node appended tokens, as ComfyUI's ConditioningConcat does.

        Args:
            keys: one per appended token, equal where two tokens say the same.
        """
        return with_changes(
            self,
            token_count=self.token_count + len(keys),
            token_keys=(*self.token_keys, *keys),
            special=(*self.special, *["appended"] * len(keys)),
            appended=self.appended + len(keys),
        )

    def positions_of(self, special: Special, chunks: range) -> tuple[int, ...]:
        """The positions of the start, end or padding tokens of some chunks."""
        places = range(chunks.start * self.chunk_length, chunks.stop * self.chunk_length)
        return tuple(position for position in places if self.special[position] == special)


def read_prompt(
    text: str,
    streams: Mapping[str, Stream],
    piece: Mapping[str, Callable[[int], str]],
    special: Mapping[str, tuple[int, int, int]],
    embedding_widths: Mapping[str, int] | None = None,
) -> Prompt:
    """Read the words of a prompt from what the host's tokenizer made of it.

    Args:
        text: the prompt as written, for messages and for the names of embeddings.
        streams: per text encoder, chunks of (token number or embedding tensor, weight): ComfyUI's ``clip.tokenize``.
        piece: per text encoder, the BPE piece of a token number: ``"photo"``, ``"realistic</w>"``.
        special: per text encoder, its (start, end, pad) token numbers.
        embedding_widths: per text encoder, the channels of its token vectors, where they are known: an embedding of
            another width is refused.

    Raises:
        P2PError: the encoders disagree on where the tokens stand, or are not of CLIP's kind.
    """
    chunks = read_chunks(text, streams, special, embedding_widths or {})
    first = next(iter(streams))
    tokens = [token[first] for token in chunks.tokens]
    groups = _word_groups(chunks.special, tokens, piece[first])
    texts = _word_texts(text, [[tokens[place] for place in group] for group in groups], piece[first])
    return Prompt(
        text=text,
        words=_numbered_words(texts, groups),
        token_count=len(tokens),
        token_keys=tuple(map(_token_key, chunks.special, chunks.tokens)),
        chunk_length=chunks.length,
        special=chunks.special,
    )


def _word_groups(
    special: Sequence[Special | None], tokens: Sequence[Token], piece: Callable[[int], str]
) -> list[tuple[int, ...]]:
    """Token positions per word. A word may be cut in two by the end of a chunk."""
    groups: list[list[int]] = [[]]
    for place, (kind, token) in enumerate(zip(special, tokens, strict=True)):
        if kind is not None:
            continue
        if groups[-1] and _embedding_source(tokens[groups[-1][-1]]) != _embedding_source(token):
            groups.append([])
        groups[-1].append(place)
        if not is_embedding(token) and piece(token).endswith(END_OF_WORD):
            groups.append([])
    return [tuple(group) for group in groups if group]


def _embedding_source(token: Token) -> int | None:
    """Which embedding a vector belongs to (all its vectors are slices of one tensor); None for a number."""
    return token.untyped_storage().data_ptr() if is_embedding(token) else None


def _word_texts(text: str, words: Sequence[Sequence[Token]], piece: Callable[[int], str]) -> list[str]:
    """The text of every word, given its tokens. Embeddings are named after the prompt."""
    names = [f"embedding:{name}" for name in _EMBEDDING_NAME.findall(text)]
    embeddings = sum(is_embedding(word[0]) for word in words)
    if len(names) != embeddings:  # the host left one out whose file it did not find: which one is not known
        names = ["embedding"] * embeddings
    remaining = iter(names)
    return [
        next(remaining) if is_embedding(word[0]) else readable_text([piece(token) for token in word]) for word in words
    ]


def _numbered_words(texts: Sequence[str], groups: Sequence[tuple[int, ...]]) -> tuple[Word, ...]:
    seen: Counter[tuple[str, ...]] = Counter()
    words = []
    for text, positions in zip(texts, groups, strict=True):
        units = units_of(text) or (text.casefold(),)  # as ``find`` compares: "'s" is an "s"
        seen[units] += 1
        words.append(Word(text, seen[units], positions, is_punctuation(text)))
    return tuple(words)


def _token_key(kind: Special | None, token: Mapping[str, Token]) -> Hashable:
    """What a token says, comparable between prompts: per encoder its number, or the content of its embedding."""
    return kind or tuple((name, content_key(part) if is_embedding(part) else part) for name, part in token.items())


def content_key(vector: torch.Tensor) -> str:
    """Equal for two vectors of equal values."""
    content = vector.detach().to(device="cpu", dtype=torch.float32).contiguous().numpy().tobytes()
    return hashlib.sha256(content).hexdigest()
