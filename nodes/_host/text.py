"""Prompts as the host's CLIP reads them."""

import torch

from ...p2p_core.errors import P2PError
from ...p2p_core.prompt import Prompt, read_prompt

PROMPT_KEY = "p2p_prompt"  # in a conditioning entry's dictionary: the Prompt it was encoded from


def read_prompt_with_clip(clip, text: str) -> tuple[Prompt, dict]:
    """The words of a text and the host's tokens of it.

    Raises:
        P2PError: the CLIP is missing, or not made of CLIP text encoders.
    """
    if clip is None:
        raise P2PError("The clip input is empty: the checkpoint has no text encoder. Connect one that does.")
    tokens = clip.tokenize(text)
    encoders = {}
    for name in tokens:
        encoder = getattr(clip.tokenizer, f"clip_{name}", None)
        if encoder is None or not getattr(encoder, "inv_vocab", None) or encoder.start_token is None:
            raise P2PError(
                f"This text encoder ({type(clip.tokenizer).__name__}) is not SDXL's CLIP: Prompt-to-Prompt needs a "
                "model with cross-attention on CLIP text, such as SDXL or SD 1.5."
            )
        encoders[name] = encoder
    prompt = read_prompt(
        text,
        tokens,
        {name: encoder.inv_vocab.__getitem__ for name, encoder in encoders.items()},
        {name: (encoder.start_token, encoder.end_token, encoder.pad_token) for name, encoder in encoders.items()},
        {name: _embedding_width(clip, name, encoder) for name, encoder in encoders.items()},
    )
    return prompt, tokens


def _embedding_width(clip, name: str, encoder) -> int:
    """Channels of the token vectors; an embedding of another width is dropped by the host, which shifts the tokens."""
    model = getattr(clip.cond_stage_model, f"clip_{name}", None)
    if model is None:
        return encoder.embedding_size
    return model.transformer.get_input_embeddings().weight.shape[1]


def encode(clip, text: str) -> list:
    """CONDITIONING that also carries its ``Prompt``, in the host's own encoding of the text."""
    prompt, tokens = read_prompt_with_clip(clip, text)
    return clip.encode_from_tokens_scheduled(tokens, add_dict={PROMPT_KEY: prompt})


def prompt_of(entry: list) -> Prompt | None:
    """The prompt of one conditioning entry; None where it was not encoded by this pack.

    Raises:
        P2PError: the entry has other tokens than its prompt.
    """
    cond, extras = entry
    prompt = extras.get(PROMPT_KEY)
    if prompt is None:
        return None
    if not torch.is_tensor(cond) or cond.shape[0] != 1:
        raise P2PError(f'The conditioning of "{prompt.text}" holds several prompts in one batch: use one prompt each.')
    if cond.shape[1] != prompt.token_count:
        raise P2PError(
            f'The conditioning of "{prompt.text}" has {cond.shape[1]} tokens but its prompt has {prompt.token_count}: '
            "a node in between (such as ConditioningConcat) added tokens. Write the whole text in one P2P Text Encode."
        )
    return prompt
