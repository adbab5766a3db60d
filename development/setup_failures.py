"""Turns what a failed program printed into one sentence that says what to do."""

import errno

from . import paths
from .errors import UserError

NO_SPACE = ("No space left on device", "Errno 28", "not enough space on the disk", "Disk quota exceeded")
NO_NETWORK = (
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Name or service not known",
    "getaddrinfo failed",
    "nodename nor servname",
    "Network is unreachable",
    "Connection refused",
    "Max retries exceeded",
    "Read timed out",
    "CERTIFICATE_VERIFY_FAILED",
    "Tunnel connection failed",
    "Cannot connect to proxy",
    "ENOTFOUND",  # these are npm's
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
)
NOT_PUBLISHED = "No matching distribution found for"


def explain(purpose: str, output: str) -> UserError:
    """Return the error to raise when ``purpose`` failed with this output."""
    if any(sign in output for sign in NO_SPACE):
        return no_space()
    if any(sign in output for sign in NO_NETWORK):
        return UserError(
            f"{purpose} failed because the package index cannot be reached: check the network connection and proxy, "
            f"then start again (details: {paths.SETUP_LOG})."
        )
    if NOT_PUBLISHED in output:
        package = output.split(NOT_PUBLISHED, 1)[1].split("\n", 1)[0].strip()
        return UserError(f"{purpose} failed: {package} is not published for this machine and this Python.")
    return UserError(f"{purpose} failed: {_last_words(output)} (details: {paths.SETUP_LOG}).")


def explain_os_error(error: OSError) -> UserError | None:
    """Return a sentence for the few errors of the operating system a person can put right."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return no_space()
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(f"{error.filename or paths.ROOT} cannot be written: {error.strerror}.")
    return None


def no_space() -> UserError:
    """Return the error of a full disk."""
    return UserError(f"The disk is full: free some space for {paths.ROOT} and for temporary files, then start again.")


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["it printed nothing"])[-1].rstrip(".")
