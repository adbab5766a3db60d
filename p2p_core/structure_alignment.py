"""How the tokens that belong to no word (start, end, padding, appended ones) correspond.

They take much of the attention, and the published aligners get them wrong: padding that reads words, words that read
padding (``AttentionReplace`` after a word of another token count, ``AttentionRefine`` with a shorter target). Here each
role reads its own role, chunk by chunk:

- start reads start, end reads end;
- padding reads the padding at the same place of the chunk (as in the published refine mapper); where the source has a
  word there, its first padding token; where the source has no padding at all, its end token (encoders pad with it);
- chunks that only one prompt has go with the last chunk of the other.

A source token that n target tokens read gives 1/n of its map to each, so none of its mass is counted twice. Padding of
the source whose place is taken by words in the target is not read, and its mass is dropped (also as published).

Tokens that another node appended are read place by place where both prompts have as many. Where they do not, those of
the target keep their own attention, and those of the source are not read.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from .prompt import Prompt

Readers = Mapping[int, Sequence[int]]


def readers_of_structure(source: Prompt, target: Prompt) -> Readers:
    """For every source position of a start, end or padding token, the target positions that inherit its map.

    Every start, end or padding token of the target reads at least one source position.
    """
    readers: dict[int, list[int]] = defaultdict(list)
    for source_chunks, target_chunks in _corresponding_chunks(source.chunk_count, target.chunk_count):
        for role in ("start", "end"):
            sources, targets = source.positions_of(role, source_chunks), target.positions_of(role, target_chunks)
            for place, position in enumerate(sources):
                readers[position] += [targets[place]] if len(sources) == len(targets) else targets
        for position in target.positions_of("padding", target_chunks):
            for read in _padding_read_by(position % target.chunk_length, source, source_chunks):
                readers[read].append(position)
    return readers


def _corresponding_chunks(source: int, target: int) -> Iterator[tuple[range, range]]:
    """Chunk with chunk; the chunks that one prompt has more go with the last chunk of the other."""
    common = min(source, target)
    for chunk in range(common - 1):
        yield range(chunk, chunk + 1), range(chunk, chunk + 1)
    yield range(common - 1, source), range(common - 1, target)


def _padding_read_by(place: int, source: Prompt, chunks: range) -> Sequence[int]:
    """The source positions that a target's padding token at this place of its chunk reads."""
    padding = source.positions_of("padding", chunks)
    places = [position % source.chunk_length for position in padding]
    if not padding:
        return source.positions_of("end", chunks)
    read = place if place in places else min(places)
    return [position for position in padding if position % source.chunk_length == read]


def appended_pairs(source: Prompt, target: Prompt) -> list[tuple[int, int]]:
    """Which appended tokens go together, (source position, target position): in order, where both have as many.

    Where they do not, nothing is known of them, and none do.
    """
    if source.appended != target.appended:
        return []
    offset = target.own_token_count - source.own_token_count
    return [(position, position + offset) for position in range(source.own_token_count, source.token_count)]
