"""Whether words stand in any of several prompts: those of one edit, or the parts of a combined conditioning."""

from collections.abc import Sequence

from .prompt import Prompt


def stands_in(prompt: Prompt, phrase: str) -> bool:
    return prompt.has(phrase)


def refuse_missing(phrases: Sequence[str], prompts: Sequence[Prompt]) -> None:
    """Every phrase must stand in one of the prompts at least.

    Raises:
        P2PError: one stands in none; the message is that of the first prompt.
    """
    for phrase in phrases:
        if not any(stands_in(prompt, phrase) for prompt in prompts):
            prompts[0].find(phrase)
