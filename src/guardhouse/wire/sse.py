"""Server-Sent Events: bytes in any pieces to events, and back.

The rules are WHATWG's (HTML, "Interpreting an event stream"): lines end with CR, LF or CRLF; a blank line ends an
event; a line is `field: value` with one optional space, a line that begins with a colon is a comment; the values of
several `data` lines are joined by LF; one byte-order mark may stand at the very beginning.

A proxy differs from a browser in what it keeps. An event here is everything between two blank lines, `data` or not:
comments are keep-alives and `id`, `retry` and unknown fields belong to somebody, so `lines` carries them on as they
came (one that starts with another mark becomes a comment). An event that the end of the stream cuts off is not
dispatched by a browser; `finish` returns it all the same, because whoever passes it on has to have judged it, and the
caller decides.

How it goes: line ends are normalised as bytes arrive (a CR at the end of a piece counts at once, an LF that follows it
in the next is dropped), so that an event ends at the first double LF. A piece that brings only whole events of one
`data` line each, or of a name and one, which is what model servers send, is cut with one `split` and never copied
into a buffer.

Memory is bounded: one event may have `limit` bytes. Beyond that `error` says so, and nothing is returned any more.
"""

from typing import Final

from guardhouse.model.reason import Reason

DEFAULT_LIMIT: Final = 8 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"


class Event:
    """One event. `data` is None if it has no data line; `lines` holds every other line, each ended by LF."""

    __slots__ = ("data", "lines", "name")

    def __init__(self, data: bytes | None, name: bytes = b"", lines: bytes = b"") -> None:
        self.data = data
        self.name = name  # the value of the last `event` line
        self.lines = lines

    def __repr__(self) -> str:
        return f"<Event of {0 if self.data is None else len(self.data)} bytes>"


class SseDecoder:
    """Feed it the stream piece by piece; it returns the events that became complete."""

    __slots__ = ("_after_cr", "_limit", "_pending", "_searched", "_started", "error")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._searched = 0  # so far `_pending` is known to hold no double LF
        self._started = False
        self._after_cr = False
        self.error: Reason | None = None

    @property
    def idle(self) -> bool:
        """Between two events: nothing of an incomplete one is held."""
        return not self._pending and not self._after_cr

    def feed(self, chunk: bytes) -> list[Event]:
        if (
            self._started
            and not self._pending
            and not self._after_cr
            and chunk.endswith(b"\n\n")
            and b"\r" not in chunk
        ):
            return self._cut(chunk)
        return self._feed_slowly(chunk)

    def finish(self) -> list[Event]:
        """The event that the end of the stream cut off, if any."""
        if self.error is not None:
            return []
        rest = bytes(self._pending)
        self._pending.clear()
        self._searched = 0
        return self._cut(rest + b"\n\n") if rest else []

    def _feed_slowly(self, chunk: bytes) -> list[Event]:
        if self.error is not None or not chunk:
            return []
        pending = self._pending
        pending += self._normalise(chunk)
        if not self._started and not self._skip_mark():
            return []
        end = pending.rfind(b"\n\n", self._searched)
        if end < 0:
            self._searched = max(0, len(pending) - 1)
            if len(pending) > self._limit + 1:  # one LF of the two that end it may be there
                self._fail()
            return []
        whole = bytes(pending[: end + 2])
        del pending[: end + 2]
        self._searched = max(0, len(pending) - 1)
        events = self._cut(whole)
        if len(pending) > self._limit + 1:
            self._fail()
        return events

    def _normalise(self, chunk: bytes) -> bytes:
        if self._after_cr and chunk[:1] == b"\n":
            chunk = chunk[1:]
            self._after_cr = False
            if not chunk:
                return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in chunk else chunk

    def _skip_mark(self) -> bool:
        """Whether the beginning is dealt with: it takes three bytes, or one that differs, to tell."""
        pending = self._pending
        if len(pending) < len(_BOM) and _BOM.startswith(pending):
            return False
        if pending.startswith(_BOM):
            del pending[: len(_BOM)]
        self._started = True
        return True

    def _cut(self, whole: bytes) -> list[Event]:
        """Normalised bytes that end with a blank line, as events."""
        events: list[Event] = []
        limit = self._limit
        for block in whole.split(b"\n\n"):
            if len(block) > limit:
                self._fail()
                break
            if block[:6] == b"data: " and b"\n" not in block:
                events.append(Event(block[6:]))
            elif block[:7] == b"event: " and block.count(b"\n") == 1 and b"\ndata: " in block:
                end = block.index(b"\n")
                events.append(Event(block[end + 7 :], block[7:end], block[: end + 1]))
            elif block:
                event = _parse(block)
                if event is not None:
                    events.append(event)
        return events

    def _fail(self) -> None:
        self.error = Reason.RESPONSE_TOO_LARGE
        self._started = False  # off the fast way, which does not ask for errors
        self._pending.clear()


def _parse(block: bytes) -> Event | None:
    """One event of any shape. None if it is made of blank lines alone."""
    values: list[bytes] = []
    lines: list[bytes] = []
    name = b""
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            values.append(value)
        elif line:
            # sent on as the first line, a second mark would be skipped and what follows it would be a field
            lines.append(b"%b%b\n" % (b":" if line.startswith(_BOM) else b"", line))
            if field == b"event":
                name = value
    if not values and not lines:
        return None
    return Event(b"\n".join(values) if values else None, name, b"".join(lines))


def encode(event: Event) -> bytes:
    """The event as bytes of a stream."""
    data = event.data
    if data is None:
        return event.lines + b"\n"
    if b"\n" in data:
        data = data.replace(b"\n", b"\ndata: ")
    return b"%bdata: %b\n\n" % (event.lines, data)
