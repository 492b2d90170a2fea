"""A network between a gateway and its limits' store that a test makes slow or lossy.

Replies are held back for a time drawn anew for each piece, in the order of their coming; a share of the pieces ends its
connection instead, after the store has done what it was asked. Commands pass at once, so that what a late or lost reply
was about has always happened.
"""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from integration.polling import LOOPBACK


class Network:
    def __init__(self, store_port: int, seed: int) -> None:
        self.port = 0
        self.delays = (0.0, 0.0)  # seconds, the least and the most
        self.lost = 0.0  # the share of replies that never arrive
        self._store_port = store_port
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def open(self) -> None:
        listening = threading.Event()
        self._loop.call_soon(lambda: self._loop.create_task(self._listen(listening)))
        self._thread.start()
        assert listening.wait(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _listen(self, listening: threading.Event) -> None:
        server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            store_reader, store_writer = await asyncio.open_connection(LOOPBACK, self._store_port)
        except OSError:
            writer.close()
            return
        forward = asyncio.create_task(self._pass(reader, store_writer, slow=False))
        back = asyncio.create_task(self._pass(store_reader, writer, slow=True))
        await asyncio.wait((forward, back), return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, store_writer):
            end.transport.abort()
        await asyncio.wait((forward, back))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool) -> None:
        try:
            while piece := await reader.read(65_536):
                if slow:
                    if self._random.random() < self.lost:
                        return
                    await asyncio.sleep(self._random.uniform(*self.delays))
                writer.write(piece)
        except ConnectionError:
            return


@contextmanager
def a_network(store_port: int, seed: int = 1) -> Iterator[Network]:
    network = Network(store_port, seed)
    network.open()
    try:
        yield network
    finally:
        network.close()
