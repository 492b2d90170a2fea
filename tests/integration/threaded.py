"""Model servers that run on a thread of the test: how they begin, are reached, answer and end, whatever they say."""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, Final, Self

from integration.polling import LOOPBACK

NO_FIELDS: Final[Mapping[str, str]] = MappingProxyType({})


class Server(ThreadingHTTPServer):
    """Answers for the length of a `with`."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__((LOOPBACK, 0), handler)
        self.url = f"http://{LOOPBACK}:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler, ABC):
    protocol_version = "HTTP/1.1"
    json_type = "application/json"

    @abstractmethod
    def answer(self) -> None: ...

    def do_POST(self) -> None:
        self.answer()

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def whole(self, status: int, body: bytes, content_type: str, fields: Mapping[str, str] = NO_FIELDS) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def document(self, status: int, document: dict[str, Any]) -> None:
        self.whole(status, json.dumps(document).encode(), self.json_type)

    def begin_flow(self, content_type: str) -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def flow(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end_flow(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """Says nothing."""
