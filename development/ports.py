"""The port of the server, on this machine only."""

import os
import socket

from .errors import UserError

ADDRESS = "127.0.0.1"


def choose_port(wanted: int | None) -> int:
    """Return the wanted port when it is free, any free one when none is wanted."""
    if wanted is None:
        return _bind(0)
    if not 1 <= wanted <= 65535:
        raise UserError(f"--port {wanted} is not a port: choose a number from 1 to 65535.")
    try:
        return _bind(wanted)
    except OSError as error:
        raise UserError(
            f"Port {wanted} on {ADDRESS} cannot be used ({error.strerror}): "
            "end the program that uses it, or choose another --port."
        ) from error


def _bind(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((ADDRESS, port))
        return probe.getsockname()[1]
