"""Load of the tests: something that is done again and again on some threads, for the length of a `with`."""

import threading
from abc import ABC, abstractmethod
from typing import Self


class Repeating(ABC):
    def __init__(self, threads: int) -> None:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._repeat) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @abstractmethod
    def once(self) -> None: ...

    def _repeat(self) -> None:
        while not self._over.is_set():
            self.once()
