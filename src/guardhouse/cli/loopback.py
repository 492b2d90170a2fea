"""A port of this machine that waits for a browser to come back with an answer.

Whatever else runs on this machine, or any page in the browser, may come here as well; so what comes is only looked at,
and waiting goes on until something comes that `accept` takes, or the deadline. Requests are read one at a time, within
`PATIENCE` each and to a bounded length.
"""

import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

PATIENCE = 2.0  # seconds for a request
_MOST = 8192  # bytes of it
_PAGE = b"<!doctype html><title>Guardhouse</title><p>%s</p>"
_DONE, _NOT = b"You can close this page and go back to the command line.", b"This is not what was waited for."

Answered = dict[str, str]


class Loopback:
    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def wait(self, accept: Callable[[Answered], str | None], deadline: float) -> str | None:
        """What `accept` makes of the first answer that it takes; None when `deadline` (monotonic) has come."""
        while (left := deadline - time.monotonic()) > 0:
            self._listener.settimeout(left)
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                return None
            with connection:
                taken = accept(_read(connection))
                _write(connection, taken is not None)
            if taken is not None:
                return taken
        return None


def _read(connection: socket.socket) -> Answered:
    """The query of a GET of `/`; nothing for anything else."""
    ends = time.monotonic() + PATIENCE
    received = b""
    try:
        while b"\r\n\r\n" not in received and len(received) < _MOST:
            connection.settimeout(max(0.01, ends - time.monotonic()))
            part = connection.recv(_MOST)
            if not part:
                return {}
            received += part
    except OSError:
        return {}
    words = received.partition(b"\r\n")[0].decode("latin-1").split(" ")
    if len(words) != 3 or words[0] != "GET":
        return {}
    target = urlsplit(words[1])
    pairs = parse_qsl(target.query)
    return dict(pairs) if target.path == "/" and len(dict(pairs)) == len(pairs) else {}


def _write(connection: socket.socket, taken: bool) -> None:
    body = _PAGE % (_DONE if taken else _NOT)
    status = "200 OK" if taken else "404 Not Found"
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {len(body)}\r\n"
        "cache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n"
    )
    try:
        connection.settimeout(PATIENCE)
        connection.sendall(head.encode() + body)
    except OSError:
        return  # the browser has gone; the answer counts all the same
