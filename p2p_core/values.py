"""What edited rows do to their values, as one operation on all of them.

The host may repeat the tokens of a prompt so that all rows of a batch have as many. Repeated keys share the attention
of one, so an operator acts on the first copy and its result is repeated: exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .errors import P2PError


@dataclass(frozen=True, eq=False)
class ValueOperator:
    """``operator · V`` of some rows of a batch; a row may have several.

    Attributes:
        rows: (operators,), whose values each reads.
        operators: (operators, tokens, tokens); where all are diagonal (operators, tokens, 1), their diagonals.
    """

    rows: torch.Tensor
    operators: torch.Tensor
    are_diagonal: bool

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """(rows of the batch, tokens, channels) → (operators, tokens, channels)."""
        read = values.index_select(0, self.rows)
        return read * self.operators if self.are_diagonal else torch.bmm(self.operators, read)


def value_operator(
    rows: Sequence[int],
    operators: Sequence[torch.Tensor],
    tokens: int,
    device: torch.device,
    dtype: torch.dtype,
) -> ValueOperator | None:
    """The operators beside the values they act on; None for none.

    Args:
        rows: of the batch, one per operator.
        operators: (source tokens, target tokens) for an inherited map, (target tokens,) for the row's own.
        tokens: of the values, a multiple of those of every prompt.

    Raises:
        P2PError: the tokens are no multiple of a prompt's.
    """
    if not operators:
        return None
    numbers = torch.tensor(rows, device=device)
    are_diagonal = all(operator.ndim == 1 for operator in operators)
    parts = [
        repeated(operator, tokens)[:, None] if are_diagonal else _matrix(operator, tokens) for operator in operators
    ]
    return ValueOperator(numbers, torch.stack(parts).to(device, dtype), are_diagonal)


def repeated(scales: torch.Tensor, tokens: int) -> torch.Tensor:
    """(tokens of the prompt,) → (tokens,)."""
    return scales.repeat(_copies(tokens, len(scales)))


def _matrix(operator: torch.Tensor, tokens: int) -> torch.Tensor:
    """(tokens, tokens); an inherited map reads the first copy of the target's tokens, and fills all of the source's."""
    if operator.ndim == 1:
        return torch.diag(repeated(operator, tokens))
    source_tokens, target_tokens = operator.shape
    copies = _copies(tokens, source_tokens)
    if _copies(tokens, target_tokens) == copies == 1:
        return operator
    matrix = operator.new_zeros(tokens, tokens)
    matrix[:, :target_tokens] = operator.repeat(copies, 1)
    return matrix


def _copies(tokens: int, prompt_tokens: int) -> int:
    """How often the host repeated the tokens of a prompt."""
    if tokens % prompt_tokens:
        raise P2PError(
            f"The conditioning has {tokens} tokens, which is no multiple of the {prompt_tokens} of its prompt. A node "
            "between the text encoder and the sampler changed their number: connect the conditioning directly."
        )
    return tokens // prompt_tokens
