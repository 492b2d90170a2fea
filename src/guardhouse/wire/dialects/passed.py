"""An answer that flows without being masked: the upstream's own bytes, whole events at a time.

Nothing of an event leaves before all of it is there, so a stream that has to be broken off is never broken inside an
event. How much text there was is not read: an event counts as four characters, which is a token as estimates go, or as
what it has beyond the wrapping that any event may have, if that is more: a server may put many tokens into one.

Images, recordings and files are looked for in the first events and in large ones, by marks that a dialect has for them;
where they are judged (`judge_media`), every event is read.
"""

from typing import Final

import msgspec

from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.flow import DONE, AnswerStream, Framing, decode, is_marked
from guardhouse.wire.sse import Event

_CHARACTERS_PER_EVENT: Final = 4
_WRAPPING: Final = 512  # bytes of an event that need not be text
_LARGE: Final = 1024  # bytes of an event that is more than a piece of text
_FIRST: Final = 16  # events that are looked at whatever their size


class PassedStream(AnswerStream):
    __slots__ = ("_bytes",)

    def __init__(self, hide_usage: bool, framing: Framing | None = None) -> None:
        super().__init__(hide_usage, framing)
        self._bytes = 0

    def _count(self, events: int, size: int) -> None:
        self.events += events
        self._bytes += size
        self.output_chars = max(self.events * _CHARACTERS_PER_EVENT, self._bytes - self.events * _WRAPPING)

    def _may_show(self, size: int) -> bool:
        """Whether an event in a piece of this size may have media, `events` being counted with it."""
        return size >= _LARGE or self.events <= _FIRST or self.judge_media is not None

    def _show_marked(self, events: list[Event], marks: tuple[bytes, ...], *, small: bool = False) -> None:
        """Tell of the media in those events that may have some; `small` ones count among the first, or always."""
        judged = self.judge_media is not None
        least = 0 if small or self.events < _FIRST + len(events) else _LARGE
        for event in events:
            data = event.data
            if not data or data == DONE or not (judged or (len(data) >= least and is_marked(data, marks))):
                continue
            try:
                document = decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                document = None
            if type(document) is dict:
                self.error = self.error or self._show(document)
            elif judged:
                self.error = self.error or Reason.RESPONSE_UNREADABLE
