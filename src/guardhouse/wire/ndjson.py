"""Lines of JSON: bytes in any pieces to events, one for each line that is not blank.

A line ends with LF, and a CR before it belongs to the end. The line that the end of the stream cuts off is returned by
`finish`, for whoever passes it on has to have judged it. One line may have `limit` bytes; beyond that `error` says so
and nothing is returned any more. The events are those of wire/sse.py, without names or other lines, so that one reader
of answers serves both.
"""

from guardhouse.model.reason import Reason
from guardhouse.wire.sse import DEFAULT_LIMIT, Event


class LineDecoder:
    __slots__ = ("_limit", "_pending", "error")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._pending = bytearray()
        self.error: Reason | None = None

    @property
    def idle(self) -> bool:
        """Between two lines: nothing of an incomplete one is held."""
        return not self._pending

    def feed(self, chunk: bytes) -> list[Event]:
        if self.error is not None:
            return []
        pending = self._pending
        end = chunk.rfind(b"\n") + 1
        if not end:
            pending += chunk
            whole = b""
        else:
            whole = bytes(pending) + chunk[:end] if pending else chunk[:end]
            pending[:] = chunk[end:]
        events = self._cut(whole)
        return self._fail() if len(pending) > self._limit else events

    def finish(self) -> list[Event]:
        rest = bytes(self._pending)
        self._pending.clear()
        return self._cut(rest) if self.error is None else []

    def _cut(self, whole: bytes) -> list[Event]:
        events = []
        for line in whole.split(b"\n"):
            text = line.strip(b" \t\r")
            if len(text) > self._limit:
                return self._fail()
            if text:
                events.append(Event(text))
        return events

    def _fail(self) -> list[Event]:
        self.error = Reason.RESPONSE_TOO_LARGE
        self._pending.clear()
        return []


def encode(data: bytes) -> bytes:
    return data + b"\n"
