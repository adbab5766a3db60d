"""The mapper M: which source tokens each target token inherits its attention map from (design: ``A_s · M``).

Hertz et al. 2022, section 4 (``seq_aligner.py`` in the published code), for any two prompts:

- a kept word inherits from its tokens one to one;
- a replaced word inherits from the word it took the place of, one to one where both have as many tokens, else every
  target token gets ``1/len(target)`` of every source token (the published rule), so that the mass stays the same;
- an added word inherits nothing; the attention of a removed word is dropped, as in the published refine mapper;
- start, end, padding and tokens that another node appended: see ``structure_alignment``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .chunks import MOST_TOKENS
from .errors import P2PError
from .prompt import Prompt, Word
from .structure_alignment import appended_pairs, readers_of_structure
from .word_alignment import WordPair, align_words


@dataclass(frozen=True, eq=False)
class Alignment:
    """How the tokens of a target prompt correspond to those of its source.

    Attributes:
        mapper: (source tokens, target tokens) float32. Column t is a mix of source tokens, its sum the number of source
            tokens' maps that target token t inherits: 1 for a kept token, 0 for an added one.
        carried: (target tokens,) bool, True where the token stands in both prompts.
        inherited: (target tokens,) bool, True where the token is carried or took the place of another.
        pairs: the same by words, every word of both prompts once.
    """

    mapper: torch.Tensor
    carried: torch.Tensor
    inherited: torch.Tensor
    pairs: tuple[WordPair, ...]


def align(source: Prompt, target: Prompt) -> Alignment:
    """Align two prompts of any length.

    Raises:
        P2PError: the prompts were tokenized in chunks of different lengths, or are too long.
    """
    if source.chunk_length != target.chunk_length:
        raise P2PError(
            f'"{source.text}" is cut in chunks of {source.chunk_length} tokens, "{target.text}" in chunks of '
            f"{target.chunk_length}: encode both with the same CLIP."
        )
    if source.token_count * target.token_count > MOST_TOKENS**2:
        raise P2PError(
            f"The prompts have {source.token_count} and {target.token_count} tokens, too many to align: "
            f'{MOST_TOKENS} each is the most. Shorten "{max(source.text, target.text, key=len)}".'
        )
    pairs = align_words(source, target)
    appended = appended_pairs(source, target)
    mapper = torch.zeros(source.token_count, target.token_count)
    for position, readers in readers_of_structure(source, target).items():
        mapper[position, list(readers)] = 1 / max(len(readers), 1)
    for pair in pairs:
        _let_inherit(mapper, _positions(pair.source), _positions(pair.target))
    for position, reader in appended:
        mapper[position, reader] = 1
    kept = [position for pair in pairs if pair.change == "kept" for position in _positions(pair.target)]
    kept += [reader for position, reader in appended if source.token_keys[position] == target.token_keys[reader]]
    carried = torch.tensor([kind in ("start", "end", "padding") for kind in target.special])
    carried[kept] = True
    return Alignment(mapper, carried, mapper.sum(dim=0) > 0, pairs)


def _positions(words: Sequence[Word]) -> tuple[int, ...]:
    return tuple(position for word in words for position in word.positions)


def _let_inherit(mapper: torch.Tensor, source: tuple[int, ...], target: tuple[int, ...]) -> None:
    """Fill the block of one word or group of words; nothing where one side has none."""
    if not source or not target:
        return
    if len(source) == len(target):
        mapper[source, target] = 1
    else:
        mapper[torch.tensor(source)[:, None], torch.tensor(target)] = 1 / len(target)
