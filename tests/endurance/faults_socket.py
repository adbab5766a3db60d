"""A websocket client that behaves as badly as one wants: one that goes away, or that stops reading."""

import base64
import contextlib
import json
import os
import socket
import struct
import urllib.parse
from collections.abc import Iterator

_TEXT, _CLOSE = 0x1, 0x8
_SMALL_BUFFER = 4096
PATIENCE_SECONDS = 240


class BadClient:
    """A client of ``/ws``, over a socket of its own so that it can break every rule of closing one."""

    def __init__(self, url: str, name: str) -> None:
        address = urllib.parse.urlsplit(url)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)  # full soon once nobody reads
        self._socket.settimeout(PATIENCE_SECONDS)
        self._socket.connect((address.hostname, address.port))
        key = base64.b64encode(os.urandom(16)).decode("ascii")
        lines = (
            f"GET /ws?clientId={name} HTTP/1.1", f"Host: {address.netloc}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", "",
        )  # fmt: skip
        self._socket.sendall("\r\n".join(lines).encode("ascii"))
        self._stream = self._socket.makefile("rb")
        assert b" 101 " in self._stream.readline()
        while self._stream.readline() != b"\r\n":
            pass

    def messages(self) -> Iterator[dict]:
        """What the server tells, as long as somebody asks."""
        while True:
            first, second = self._exactly(2)
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(self._exactly(2 if length == 126 else 8), "big")
            data = self._exactly(length)
            if first & 0xF == _CLOSE:
                return
            if first & 0xF == _TEXT:
                yield json.loads(data)

    def reach(self, identity: str, step: int) -> list[dict]:
        """Read until a run has reported a step; return all that was told before."""
        seen = []
        for message in self.messages():
            seen.append(message)
            data = message["data"]
            if message["type"] == "progress" and data["prompt_id"] == identity and data["value"] >= step:
                return seen
            ended = message["type"] in ("execution_error", "execution_interrupted", "execution_success")
            assert not (ended and data["prompt_id"] == identity), f"the run ended before step {step}: {message}"
        raise AssertionError("the server closed the connection")

    def unread(self) -> int:
        """How many bytes have come that nobody has asked for."""
        return len(self._socket.recv(2**20, socket.MSG_PEEK | socket.MSG_DONTWAIT))

    def close(self) -> None:
        """Leave as the rules say: a closing frame (masked, with code 1000), then the end of the stream."""
        with contextlib.suppress(OSError):
            self._socket.sendall(bytes([0x80 | _CLOSE, 0x80 | 2, 0, 0, 0, 0]) + struct.pack("!H", 1000))
        self._end()

    def drop(self) -> None:
        """Leave without a word: the connection is reset, as when a machine loses its power."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._end()

    def _end(self) -> None:
        self._stream.close()
        self._socket.close()

    def _exactly(self, length: int) -> bytes:
        data = self._stream.read(length)
        assert len(data) == length, "the server closed the connection"
        return data


@contextlib.contextmanager
def watching(url: str, name: str) -> Iterator[BadClient]:
    """A client that behaves."""
    client = BadClient(url, name)
    try:
        yield client
    finally:
        client.close()
