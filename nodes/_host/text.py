"""Prompts as the host's CLIP reads them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace as with_changes

import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.prompt import LONGEST_TEXT, Prompt, content_key, read_prompt
from ...p2p_core.source_record import SourceRecord
from ...p2p_core.wording import counted

PROMPT_KEY = "p2p_prompt"  # in a conditioning entry's dictionary: the Prompt it was encoded from

_DEEPEST_BRACKETS = 100
_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
_BRACKETS = re.compile(r"(?<!\\)[()]")  # a backslash makes a bracket part of the text


def read_prompt_with_clip(clip, text: str) -> tuple[Prompt, dict]:
    """The words of a text and the host's tokens of it.

    Raises:
        P2PError: the CLIP is missing, or not made of CLIP text encoders; a text that no tokenizer can read.
    """
    if clip is None:
        raise P2PError("The clip input is empty: the checkpoint has no text encoder. Connect one that does.")
    tokens = tokenized(clip.tokenize, text)
    encoders = {}
    for name in tokens:
        encoder = getattr(clip.tokenizer, f"clip_{name}", None)
        if encoder is None or not getattr(encoder, "inv_vocab", None) or encoder.start_token is None:
            raise P2PError(
                f"This text encoder ({type(clip.tokenizer).__name__}) is not SDXL's CLIP: Prompt-to-Prompt needs a "
                "model with cross-attention on CLIP text, such as SDXL or SD 1.5."
            )
        encoders[name] = encoder
    widths = {name: _embedding_width(clip, name, encoder) for name, encoder in encoders.items()}
    prompt = prompt_of_tokens(text, tokens, encoders, widths)
    return prompt, tokens


def tokenized(tokenize: Callable[[str], dict], text: str) -> dict:
    """What a tokenizer of the host makes of a text.

    Raises:
        P2PError: a text that is too long, or that the tokenizer cannot read (ComfyUI 0.3.75): it takes brackets apart
            by recursion, each time from the beginning, and has no answer to half a character or to ``embedding:``
            before nothing.
    """
    if len(text) > LONGEST_TEXT:
        raise P2PError(
            f'The prompt "{text}" has {len(text)} characters: Prompt-to-Prompt reads up to {LONGEST_TEXT}. Make it '
            "shorter."
        )
    depth = _depth_of_brackets(text)
    if depth > _DEEPEST_BRACKETS:
        raise P2PError(
            f'The prompt "{text}" has brackets inside brackets, {depth} deep: {_DEEPEST_BRACKETS} is the most. Write '
            "one pair with a weight, such as (word:1.3), or put a backslash before a bracket that is part of the text."
        )
    if _HALF_CHARACTER.search(text):
        raise P2PError(f'The prompt "{text}" holds half of a character: type it again where the � is.')
    try:
        return tokenize(text)
    except IndexError as error:
        raise P2PError(
            f'The text encoder cannot read the prompt "{text}": write the name of an embedding right after '
            '"embedding:".'
        ) from error


def _depth_of_brackets(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth = depth + 1 if bracket == "(" else depth - 1
        deepest = max(deepest, depth)
    return deepest


def prompt_of_tokens(text: str, tokens: Mapping, encoders: Mapping, widths: Mapping[str, int]) -> Prompt:
    """The words of a text.

    Args:
        tokens: what the host's tokenizer made of it.
        encoders: its tokenizer per text encoder.
        widths: the channels of the token vectors per text encoder.
    """
    return read_prompt(
        text,
        tokens,
        {name: encoder.inv_vocab.__getitem__ for name, encoder in encoders.items()},
        {name: (encoder.start_token, encoder.end_token, encoder.pad_token) for name, encoder in encoders.items()},
        widths,
    )


def _embedding_width(clip, name: str, encoder) -> int:
    """Channels of the token vectors; an embedding of another width is dropped by the host, which shifts the tokens."""
    model = getattr(clip.cond_stage_model, f"clip_{name}", None)
    if model is None:
        return encoder.embedding_size
    return model.transformer.get_input_embeddings().weight.shape[1]


def encode(clip, text: str, sizes: Mapping[str, int]) -> list:
    """CONDITIONING that also carries its ``Prompt``, in the host's own encoding of the text.

    Args:
        sizes: what else the model is told, under the host's names for it: ``width``, ``crop_w``, ….
    """
    prompt, tokens = read_prompt_with_clip(clip, text)
    return clip.encode_from_tokens_scheduled(tokens, add_dict={PROMPT_KEY: prompt, **sizes})


def tagged(clip, text: str, conditioning: list) -> list:
    """The conditioning with the words of the text on every entry, in place of any it had.

    Raises:
        P2PError: an entry has another number of tokens than the CLIP makes of the text.
    """
    prompt, _ = read_prompt_with_clip(clip, text)
    for cond, _ in conditioning:
        _check_one_prompt(cond, prompt)
        if cond.shape[1] != prompt.token_count:
            raise P2PError(
                f'The CLIP makes {prompt.token_count} tokens of "{text}", but the conditioning has {cond.shape[1]}: '
                "give P2P Tag Prompt the CLIP and the text that the conditioning was encoded with (the longer one of "
                "two texts), and add other conditionings to it (ConditioningConcat) after P2P Tag Prompt, not before."
            )
    return [[cond, {**extras, PROMPT_KEY: prompt}] for cond, extras in conditioning]


def prompt_of(entry: list) -> Prompt | None:
    """The prompt of one conditioning entry; None where this pack did not stamp one on it.

    Whole chunks that a node appended to the prompt's own tokens belong to it as tokens of unknown content.

    Raises:
        P2PError: the entry does not begin with the tokens of its prompt, as far as their number tells.
    """
    cond, extras = entry
    prompt = extras.get(PROMPT_KEY)
    if prompt is None:
        return None
    _check_one_prompt(cond, prompt)
    appended = cond.shape[1] - prompt.token_count
    if appended < 0 or appended % prompt.chunk_length:
        raise P2PError(
            f'The conditioning of "{prompt.text}" has {counted(cond.shape[1], "token")} but its prompt has '
            f"{prompt.token_count}: a node after the text encoder changed their number, and not by whole chunks of "
            f"{prompt.chunk_length} as ConditioningConcat does. Remove that node."
        )
    return prompt.extended([content_key(token) for token in cond[0, prompt.token_count :].cpu()])


def prompt_facts(entry: dict, prompt: Prompt) -> dict[str, str]:
    """What a record says about a prompt of its run, given the run's own entry."""
    return {"text": prompt.text, "key": _content(entry["cross_attn"], entry.get("pooled_output"), prompt)}


def recorded_entries(record: SourceRecord, sources: Sequence[list]) -> tuple[int, ...]:
    """Which of the recorded prompts the sources of a controller are, each another one.

    The run of the record may have had more prompts, which have to stand beside the edit as well.

    Raises:
        P2PError: one of them was not recorded.
    """
    recorded = record.facts["prompts"]
    if len(recorded) < len(sources):
        raise P2PError(
            f"The record is of {counted(len(recorded), 'prompt')}, the source of the controller has {len(sources)}: "
            "connect the conditioning that the recorded sampler got as the source."
        )
    left, found = dict(enumerate(recorded)), []
    for cond, extras in sources:
        prompt = prompt_of([cond, extras])
        assert prompt is not None
        key = _content(cond, extras.get("pooled_output"), prompt)
        number = next((number for number, one in left.items() if (one["text"], one["key"]) == (prompt.text, key)), None)
        if number is None:
            raise _not_recorded([one["text"] for one in left.values()], prompt.text)
        del left[number]
        found.append(number)
    return tuple(found)


def _not_recorded(texts: Sequence[str], text: str) -> P2PError:
    if text in texts:
        return P2PError(
            f'The record is of another encoding of "{text}" (another CLIP, CLIP skip, LoRA on the CLIP, size or tokens '
            "added by Conditioning Concat): connect the conditioning that the recorded sampler got as the source, or "
            "record again."
        )
    return P2PError(
        f'The record is of the prompt "{texts[0]}", but the source of the controller is "{text}": connect the '
        "conditioning that the recorded sampler got as the source, or record again."
    )


def _content(cond: torch.Tensor, pooled, prompt: Prompt) -> str:
    """Of the first row; the host or this pack may have repeated its tokens."""
    parts = (cond[:1, : prompt.token_count], pooled[:1] if torch.is_tensor(pooled) else None)
    return " ".join(content_key(part) for part in parts if part is not None)


def told_apart(source_entry: list, source: Prompt, target_entry: list, target: Prompt) -> Prompt:
    """The target's prompt, unequal to the source's where only their conditioning differs.

    An averaged prompt or one of another CLIP skip has the words of the prompt it was made from, and is still an edit.
    """
    is_other = source == target and not _same_content(source_entry, target_entry)
    return with_changes(target, variant=source.variant + 1) if is_other else target


def _check_one_prompt(cond, prompt: Prompt) -> None:
    if not torch.is_tensor(cond) or cond.ndim != 3 or cond.shape[0] != 1:
        raise P2PError(f'The conditioning of "{prompt.text}" holds several prompts in one batch: use one prompt each.')


def _same_content(first: list, second: list) -> bool:
    parts = ((cond, extras.get("pooled_output")) for cond, extras in (first, second))
    pairs = zip(*parts, strict=True)
    return all(a is b or (torch.is_tensor(a) and torch.is_tensor(b) and torch.equal(a, b)) for a, b in pairs)
