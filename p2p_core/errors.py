"""The one exception of this package."""


class P2PError(Exception):
    """Something the user asked for cannot be done; the message names it and says what to do instead."""
