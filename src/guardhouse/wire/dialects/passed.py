"""An answer that flows without being masked: the upstream's own bytes, whole events at a time.

Nothing of an event leaves before all of it is there, so a stream that has to be broken off is never broken inside an
event. How much text there was is not read: an event counts as four characters, which is a token as estimates go, or as
what it has beyond the wrapping that any event may have, if that is more: a server may put many tokens into one.
"""

from typing import Final

from guardhouse.wire.dialects.flow import AnswerStream, Framing

_CHARACTERS_PER_EVENT: Final = 4
_WRAPPING: Final = 512  # bytes of an event that need not be text


class PassedStream(AnswerStream):
    __slots__ = ("_bytes",)

    def __init__(self, hide_usage: bool, framing: Framing | None = None) -> None:
        super().__init__(hide_usage, framing)
        self._bytes = 0

    def _count(self, events: int, size: int) -> None:
        self.events += events
        self._bytes += size
        self.output_chars = max(self.events * _CHARACTERS_PER_EVENT, self._bytes - self.events * _WRAPPING)
