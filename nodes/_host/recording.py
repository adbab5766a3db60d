"""The records of a run: what it fills, and what it reads."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import folder_paths
import torch

from ...p2p_core.attention_store import AttentionRequest, AttentionStore
from ...p2p_core.edit import WHOLE
from ...p2p_core.errors import P2PError
from ...p2p_core.placement import Grid
from ...p2p_core.presence import refuse_missing, stands_in
from ...p2p_core.prompt import Prompt
from ...p2p_core.record_storage import RecordStorage
from ...p2p_core.source_record import RecordHandle, SourceRecord
from .areas import is_part_of_picture
from .capturing import Capture
from .conditioning import GROUP_KEY, Group
from .entries import EntryKey
from .entry_facts import as_unedited, sources_among
from .record_facts import Start, refuse_other_run
from .record_plan import RecordPlan, RunSize
from .storing import Recording, labelled
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
    plan = RecordPlan(request, progress, tuple(prompt.token_count for prompt in prompts), positions, size)
    folder = folder_paths.get_temp_directory() if request.home == "file" else None
    if folder is not None:
        os.makedirs(folder, exist_ok=True)
    latents = RecordStorage("fp32", "device" if request.home == "device" else "memory")
    return Capture(handle, rows, plan, RecordStorage(request.precision, request.home, folder), latents)


def words_for_records(
    handles: Sequence[RecordHandle],
    entries: Mapping[EntryKey, dict],
    plan_of_entry: Mapping[EntryKey, tuple],
    progress: Sequence[float],
    latent: Grid,
) -> Recording | None:
    """Watches all words of the recorded prompts on the coarse grid, for previews; None without records."""
    sources = source_entries(entries) if handles else {}
    whole = {key: entries[key] for key in sources if not is_part_of_picture(entries[key], latent)}
    if not any(not word.is_punctuation for key in whole for word in sources[key].words):
        return None
    request = AttentionRequest((), "positive", "coarse", WHOLE, keep_steps=False)
    return Recording(AttentionStore(request), whole, plan_of_entry, {}, progress, latent)


def finish_captures(
    captures: Sequence[Capture],
    facts: Mapping,
    entries: Mapping[EntryKey, dict],
    start: Start,
    result: torch.Tensor,
    seen: Recording | None,
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
        maps = {f"word_maps/{number}": part for number, part in _word_maps(seen, [*prompts], capture.rows).items()}
        if not capture.keeps_words:
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


def _word_maps(seen: Recording | None, keys: Sequence[EntryKey], rows: int) -> dict[int, torch.Tensor]:
    """Per prompt, (pictures, words, height, width): what its words looked at in the mean of all steps."""
    means = {} if seen is None else {key: of_entry.watch.sums.mean() for key, of_entry in seen.by_key.items()}
    return {
        keys.index(key): mean[0, ::rows, : len(seen.by_key[key].words[0])].half().cpu()
        for key, mean in means.items()
        if mean is not None and seen is not None
    }


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
