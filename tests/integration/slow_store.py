"""A network between a gateway and its limits' store that a test makes slow or lossy.

Replies are held back for a time drawn anew for each piece, in the order of their coming; a share of the pieces ends its
connection instead, after the store has done what it was asked. Commands pass at once, so that what a late or lost reply
was about has always happened.
"""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from integration.polling import LOOPBACK


class Network:
    def __init__(self, store_port: int, seed: int) -> None:
        self.delays = (0.0, 0.0)  # seconds, the least and the most
        self.lost = 0.0  # the share of replies that never arrive
        self._store_port = store_port
        self._random = random.Random(seed)
        self._listener = socket.create_server((LOOPBACK, 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._ends: list[socket.socket] = []
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self._listener.getsockname()[1]}/0"

    def close(self) -> None:
        _shut(self._listener)
        self._threads[0].join(10)
        for end in self._ends:
            _shut(end)
        for thread in self._threads:
            thread.join(10)
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):  # shut
            while True:
                near = self._listener.accept()[0]
                far = socket.create_connection((LOOPBACK, self._store_port))
                self._ends += [near, far]
                for task in ((near, far, False), (far, near, True)):
                    thread = threading.Thread(target=self._pass, args=task)
                    self._threads.append(thread)
                    thread.start()

    def _pass(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(65_536):
                if slow:
                    if self._random.random() < self.lost:
                        break
                    time.sleep(self._random.uniform(*self.delays))
                sink.sendall(piece)
        for end in (source, sink):
            _shut(end)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def a_network(store_port: int, seed: int = 1) -> Iterator[Network]:
    network = Network(store_port, seed)
    try:
        yield network
    finally:
        network.close()
