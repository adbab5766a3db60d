"""What the host's tokenizer returns, checked and reduced to one list of tokens.

ComfyUI cuts a prompt into chunks of 77 tokens, each ``start, tokens…, end, padding…``, once per text encoder (a
*stream*: ``g`` and ``l`` for SDXL). One encoder pads with its end token, another with token 0, which is also the word
``!``: padding is therefore what follows the first end token of a chunk, never a token number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch

from .errors import P2PError

Special = Literal["start", "end", "padding", "appended"]  # appended: by another node, after the encoder
Token = Any  # a vocabulary number, or the tensor (channels,) of a textual-inversion embedding
Stream = Sequence[Sequence[Sequence[Any]]]  # chunks of (token, weight) or (token, weight, word number)

MOST_TOKENS = 150 * 77  # of a prompt, about 10,000 words: an edit holds a matrix of the tokens of two prompts

_Kinds = list[list[Special | None]]  # chunks of kinds


class SpecialTokens(NamedTuple):
    """The vocabulary numbers that one text encoder puts around the words."""

    start: int
    end: int
    pad: int


@dataclass(frozen=True)
class Chunks:
    """The tokens of all chunks, end to end.

    Attributes:
        length: tokens per chunk.
        special: one entry per token, None where it belongs to a word.
        tokens: one entry per token: that token as each stream has it.
    """

    length: int
    special: tuple[Special | None, ...]
    tokens: tuple[Mapping[str, Token], ...]


def is_embedding(token: Token) -> bool:
    """True for a textual-inversion vector, which the host puts where other tokens are numbers."""
    return isinstance(token, torch.Tensor)


def read_chunks(
    text: str,
    streams: Mapping[str, Stream],
    special: Mapping[str, tuple[int, int, int]],
    embedding_widths: Mapping[str, int],
) -> Chunks:
    """Join the chunks of all streams, which must agree on what stands where.

    Raises:
        P2PError: an encoder that does not work in CLIP's chunks, encoders that disagree on the number of tokens, an
            embedding that does not fit its encoder, or more than ``MOST_TOKENS``.
    """
    if not streams:
        raise P2PError(f'The text encoder returned no tokens for "{text}": connect the CLIP of an SD1.5 or SDXL model.')
    longest = max(sum(map(len, stream)) for stream in streams.values())
    if longest > MOST_TOKENS:
        raise P2PError(
            f'The prompt "{text}" has {longest} tokens: Prompt-to-Prompt reads up to {MOST_TOKENS}, which is about '
            "10,000 words. Make it shorter."
        )
    tokens = {name: [[entry[0] for entry in chunk] for chunk in stream] for name, stream in streams.items()}
    kinds = {
        name: [_kinds_of_chunk(name, chunk, SpecialTokens(*special[name])) for chunk in stream]
        for name, stream in tokens.items()
    }
    first = next(iter(streams))
    for name in streams:
        _check_agreement(text, first, kinds[first], name, kinds[name])
    lengths = {len(chunk) for chunk in kinds[first]}
    if len(lengths) > 1:
        raise P2PError(f'The chunks of "{text}" have different lengths {sorted(lengths)}: pad them to one length.')
    flat = {name: [token for chunk in tokens[name] for token in chunk] for name in streams}
    joined = [{name: flat[name][place] for name in streams} for place in range(len(flat[first]))]
    _check_embeddings(text, joined, embedding_widths)
    return Chunks(lengths.pop(), tuple(kind for chunk in kinds[first] for kind in chunk), tuple(joined))


def _kinds_of_chunk(name: str, chunk: Sequence[Token], special: SpecialTokens) -> list[Special | None]:
    ends = [place for place, token in enumerate(chunk) if not is_embedding(token) and token == special.end]
    if not chunk or is_embedding(chunk[0]) or chunk[0] != special.start or not ends:
        raise P2PError(
            f'The text encoder "{name}" does not put a start and an end token around its words. '
            "Prompt-to-Prompt works with CLIP text encoders (SD1.5, SDXL): use such a model."
        )
    words = ends[0] - 1
    kinds: list[Special | None] = ["padding"] * len(chunk)
    kinds[: words + 2] = ["start", *[None] * words, "end"]
    return kinds


def _check_agreement(text: str, first: str, expected: _Kinds, name: str, found: _Kinds) -> None:
    if len(found) != len(expected):
        raise P2PError(
            f'The text encoders cut "{text}" into different numbers of chunks: "{first}" {len(expected)}, '
            f'"{name}" {len(found)}. Use encoders of one model, and embeddings that exist for both.'
        )
    if found != expected:
        counts = [sum(kind is None for chunk in kinds for kind in chunk) for kinds in (expected, found)]
        raise P2PError(
            f'The text encoders read "{text}" as different numbers of tokens: "{first}" {counts[0]}, "{name}" '
            f"{counts[1]}. An embedding made for only one of them does this: remove it, or use one made for both."
        )


def _check_embeddings(text: str, tokens: Sequence[Mapping[str, Token]], widths: Mapping[str, int]) -> None:
    for place, token in enumerate(tokens):
        having = [name for name, part in token.items() if is_embedding(part)]
        if having and len(having) < len(token):
            raise P2PError(
                f'Token {place} of "{text}" is an embedding only for the text encoder "{", ".join(having)}": '
                "remove the embedding, or use one made for all encoders of the model."
            )
        for name in having:  # the host drops a vector of the wrong width while encoding, and all later tokens shift
            width = token[name].shape[-1]
            if width != widths.get(name, width):
                raise P2PError(
                    f'An embedding in "{text}" has {width} channels, but the text encoder "{name}" takes '
                    f"{widths[name]}: remove it, or use one made for this model."
                )
