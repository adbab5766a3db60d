"""The records of a run: what it fills, and what it reads."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import folder_paths
import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.placement import Grid
from ...p2p_core.presence import refuse_missing, stands_in
from ...p2p_core.prompt import Prompt
from ...p2p_core.record_storage import RecordStorage
from ...p2p_core.source_record import RecordHandle, SourceRecord
from ...p2p_core.token_maps import read_token_map_name, token_maps_of
from ...p2p_core.word_maps import word_columns
from .capturing import Capture, taken_out
from .conditioning import GROUP_KEY, Group
from .entries import EntryKey
from .entry_facts import as_unedited, sources_among
from .places import Places
from .record_facts import Start, refuse_other_run
from .record_plan import SEEN_GRIDS, RecordPlan, RunSize
from .recorded_tokens import RecordedTokens, recorded_tokens, tokens_of_words
from .storing import labelled
from .text import prompt_facts, prompt_of


def source_entries(entries: Mapping[EntryKey, dict]) -> dict[EntryKey, Prompt]:
    """The prompts with words that a run has as positives, in order; of an edit that of the source."""
    found = {}
    for key in sources_among(entries):
        entry = entries[key]
        # As an edit will read it: with the tokens that another node appended.
        prompt = entry[GROUP_KEY].controller.source if GROUP_KEY in entry else prompt_of([entry["cross_attn"], entry])
        if prompt is not None:
            found[key] = prompt
    return found


def new_captures(
    handles: Sequence[RecordHandle],
    entries: Mapping[EntryKey, dict],
    rows: int,
    progress: Sequence[float],
    size: RunSize,
) -> tuple[Capture, ...]:
    """What the records of a run get.

    Args:
        rows: of the batch for every picture.

    Raises:
        P2PError: no prompt with words, a word that is to be kept and stands in none, a run whose sources are
            recorded themselves, or one of which nothing fits.
    """
    for handle in handles:
        handle.replace(None)  # whatever happens now, this is not the record of the run before
    prompts = tuple(source_entries(entries).values())
    if handles and not prompts:
        raise P2PError(
            "P2P Record finds no words in the positive conditioning of this sampler: encode the prompt with P2P Text "
            "Encode (or add P2P Tag Prompt)."
        )
    if handles and any(GROUP_KEY in entry and entry[GROUP_KEY].recorded is not None for entry in entries.values()):
        raise P2PError(
            "P2P Record cannot record a run whose source comes from a record: connect it to the sampler of the source."
        )
    captures = tuple(_capture(handle, prompts, rows, tuple(progress), size) for handle in handles)
    for capture in captures:
        capture.tell()
    return captures


def _capture(
    handle: RecordHandle, prompts: Sequence[Prompt], rows: int, progress: tuple[float, ...], size: RunSize
) -> Capture:
    request = handle.request
    if request.keep == "words":
        refuse_missing(request.words, prompts)
    words = [[word for word in request.words if stands_in(prompt, word)] for prompt in prompts]
    positions = tuple(
        tuple(sorted({position for word in own for position in prompt.find(word)}))
        for own, prompt in zip(words, prompts, strict=True)
    )
    seen = tuple(len(tokens_of_words(prompt)) for prompt in prompts)
    plan = RecordPlan(request, progress, tuple(prompt.token_count for prompt in prompts), positions, seen, size)
    folder = folder_paths.get_temp_directory() if request.home == "file" else None
    if folder is not None:
        os.makedirs(folder, exist_ok=True)
    storage = RecordStorage(request.precision, request.home, folder)
    small = "device" if request.home == "device" else "memory"
    return Capture(handle, rows, plan, storage, RecordStorage("fp32", small), RecordStorage("fp32", small))


def tokens_for_records(
    handles: Sequence[RecordHandle], entries: Mapping[EntryKey, dict], rows: int, steps: int, latent: Grid
) -> RecordedTokens:
    """What the words of the recorded prompts look at; nothing without records.

    Args:
        rows: of the batch for every picture.
    """
    prompts = source_entries(entries) if handles else {}
    grids = SEEN_GRIDS if any(handle.request.keep == "queries" for handle in handles) else "coarse"
    return recorded_tokens(prompts, entries, rows, steps, latent, grids)


def finish_captures(
    captures: Sequence[Capture],
    facts: Mapping,
    entries: Mapping[EntryKey, dict],
    start: Start,
    result: torch.Tensor,
) -> None:
    """The run is over: fills the records."""
    prompts = source_entries(entries)
    exact = {"noise": start.noise, "start": start.latent_image, "mask": start.denoise_mask}
    exact = {name: part for name, part in exact.items() if part is not None}
    for capture in captures:
        words = {number: _words(prompt) for number, prompt in enumerate(prompts.values())}
        told = [
            {
                **prompt_facts(entries[key], prompt),
                "tokens": prompt.token_count,
                "positions": list(capture.plan.positions[number]),
                "words": words[number],
            }
            for number, (key, prompt) in enumerate(prompts.items())
        ]
        tokens = taken_out(capture.tokens)
        maps = _word_maps(tokens, told, capture.plan.size.places)
        if not capture.keeps_words:
            maps |= {name: own for name, own in tokens.items() if _is_kept(name, capture.plan)}
            texts = [_text(entries[key], prompt) for key, prompt in prompts.items()]
            maps |= {f"text/{number}": text for number, text in enumerate(texts)}
        own = {"keep": capture.request.keep, "pooling": capture.request.pooling, "prompts": told}
        capture.finish({**facts, **own}, exact, result, maps)


def _text(entry: Mapping, prompt: Prompt) -> torch.Tensor:
    """(1, tokens, channels): what the source was encoded to. Of an edit it may be repeated to the length of others."""
    text = entry["cross_attn"][:1]
    return (text[:, : prompt.token_count] if GROUP_KEY in entry else text).to("cpu", copy=True)


def _words(prompt: Prompt) -> list[dict]:
    """The words of a prompt as JSON can hold them, those that have maps with the labels that people know them by."""
    labels = {positions: label for label, positions in labelled(prompt, ())}
    return [
        {
            "label": labels.get(word.positions, word.text),
            "text": word.text,
            "occurrence": word.occurrence,
            "positions": list(word.positions),
            "is_punctuation": word.is_punctuation,
        }
        for word in prompt.words
    ]


def _word_maps(
    tokens: Mapping[str, torch.Tensor], prompts: Sequence[Mapping], places: Places
) -> dict[str, torch.Tensor]:
    """Per prompt, (pictures, words, height, width) float16: what its words looked at, in the mean of all steps.

    Of prompts with an area there is nothing.
    """
    layers, size, found = places.within("coarse"), places.largest("coarse"), {}
    for number, prompt in enumerate(prompts):
        maps = token_maps_of(tokens, number, prompt["words"])
        words = [word["positions"] for word in prompt["words"] if not word["is_punctuation"]]
        if maps is not None and words and maps.have(layers):
            columns = word_columns(words, prompt["tokens"])
            device = next(iter(tokens.values())).device
            steps = [maps.seen(step, columns, layers, size, device) for step in maps.maps]
            found[f"word_maps/{number}"] = torch.stack(steps).mean(dim=0).half()
    return found


def _is_kept(name: str, plan: RecordPlan) -> bool:
    read = read_token_map_name(name)
    return read is not None and plan.keeps_tokens(*read[1:])


@contextmanager
def abandoning(captures: Sequence[Capture]) -> Iterator[None]:
    """Frees what was recorded of a run that fails."""
    try:
        yield
    except BaseException:
        for capture in captures:
            capture.abandon()
        raise


def replayed_record(groups: Sequence[Group], facts: Mapping) -> SourceRecord | None:
    """The record that the sources of a run come from; None where they are in its batch.

    Args:
        facts: of the run.

    Raises:
        P2PError: the record is of another run.
    """
    records = {id(group.recorded.record): group.recorded.record for group in groups if group.recorded is not None}
    if not records:
        return None
    if len(records) > 1 or any(group.recorded is None for group in groups):
        raise P2PError(
            "Conditionings of P2P Apply nodes with different records cannot be combined: give each the same record."
        )
    record = next(iter(records.values()))
    used = {group.recorded.entry for group in groups if group.recorded is not None}
    refuse_other_run(as_unedited(record.facts, used), facts)
    return record
