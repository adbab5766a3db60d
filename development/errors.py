"""The one exception a person sees as a sentence, without a traceback."""


class UserError(Exception):
    """Something a person can put right; the message is one sentence that says what and how."""
