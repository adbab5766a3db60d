"""The operators of an edit on the values of an attention call.

The host may repeat the tokens of a prompt r times so that all rows of a batch have as many. Repeated keys share the
attention of one.
"""

import torch
from einops import einsum, rearrange, repeat

from .errors import P2PError


def inherited(matrix: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """``inherit · V``: the values that a source's map reads in place of its own tokens'.

    The host may repeat the tokens of a prompt r times so that all rows have as many. Repeated keys share the attention
    of one, so the operator acts on the first copy and its result is repeated: exact.

    Args:
        matrix: (source tokens, target tokens).
        values: (groups, tokens, channels), tokens a multiple of both prompts'.

    Returns:
        (groups, tokens, channels).
    """
    source_tokens, target_tokens = matrix.shape
    first_copy = rearrange(values, "g (copies t) c -> copies g t c", copies=_copies(values, target_tokens))[0]
    mixed = einsum(matrix, first_copy, "s t, g t c -> g s c")
    return repeat(mixed, "g s c -> g (copies s) c", copies=_copies(values, source_tokens))


def scaled(own: torch.Tensor | None, values: torch.Tensor) -> torch.Tensor:
    """``diag(own) · V``, (groups, tokens, channels)."""
    if own is None:
        return values
    return values * repeat(own, "t -> (copies t) 1", copies=_copies(values, own.shape[0]))


def _copies(values: torch.Tensor, prompt_tokens: int) -> int:
    """How often the host repeated the tokens of a prompt."""
    tokens = values.shape[1]
    if tokens % prompt_tokens:
        raise P2PError(
            f"The conditioning has {tokens} tokens, which is no multiple of the {prompt_tokens} of its prompt. A node "
            "between the text encoder and the sampler changed their number: connect the conditioning directly."
        )
    return tokens // prompt_tokens
