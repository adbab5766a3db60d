"""The one exception of this package."""

import re

_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
_LONGEST_BEGINNING, _LONGEST_END = 1500, 500  # characters of a message


class P2PError(Exception):
    """Something the user asked for cannot be done; the message names it and says what to do instead.

    Messages quote prompts, and prompts may be as long as a book: what makes a message too long to be read is left out
    of its middle, so that it still begins with the mistake and ends with the advice. Half a character becomes a mark:
    it cannot be written, and where ComfyUI tries to (0.3.75 prints every failure) its worker ends and no graph runs any
    more.
    """

    def __init__(self, message: str) -> None:
        if len(message) > _LONGEST_BEGINNING + _LONGEST_END:
            message = f"{message[:_LONGEST_BEGINNING]} … {message[-_LONGEST_END:]}"
        super().__init__(_HALF_CHARACTER.sub("�", message))
