"""An answer that flows without being masked: the upstream's bytes, minus a usage frame the caller did not ask for.

Events are only looked into if they hold one of a few marks, which are those of the end; all others cost their share of
a search through the piece they came in. What the caller gets are the upstream's own bytes wherever a piece starts and
ends between events and nothing is hidden in it; else the same events, framed anew.

An event that ends a choice waits for the next one where a usage frame is to be hidden, and takes over what the frame
tells besides; choices.py says why.
"""

from typing import Any, Final

import msgspec

from guardhouse.model.denial import Denial
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.flow import add_missing, decode, is_marked
from guardhouse.wire.dialects.openai import shown
from guardhouse.wire.dialects.openai.answer import known_finish, response_end, usage_of
from guardhouse.wire.dialects.openai.errors import error_event, terminator
from guardhouse.wire.dialects.passed import PassedStream
from guardhouse.wire.json import encode
from guardhouse.wire.sse import Event
from guardhouse.wire.sse import encode as encode_event

_USAGE: Final = (b'"usage":{', b'"usage": {')
_CHOICE_MARKS: Final = (*_USAGE, b'"finish_reason":"', b'"finish_reason": "')
_RESPONSE_MARKS: Final = (*_USAGE, b'"response.incomplete"', b'"response.failed"')
_CHOICE_MEDIA: Final = (b'"audio"', b'"images"', b";base64,")
_RESPONSE_MEDIA: Final = (b"audio.delta", b"image_generation_call", b'"data"', b";base64,")


class Passage(PassedStream):
    __slots__ = ("_has_items", "_held", "_marks", "_media_marks")

    def __init__(self, operation: Operation, hide_usage: bool) -> None:
        super().__init__(hide_usage)
        self._held: Event | None = None
        self._has_items = operation is Operation.RESPONSES
        self._marks = _RESPONSE_MARKS if self._has_items else _CHOICE_MARKS
        self._media_marks = _RESPONSE_MEDIA if self._has_items else _CHOICE_MEDIA

    def terminator(self, denial: Denial) -> bytes:
        return error_event(denial, self.events) if self._has_items else terminator(denial)

    def feed(self, chunk: bytes) -> bytes:
        decoder = self._decoder
        whole = decoder.idle
        events = decoder.feed(chunk)
        if decoder.error is not None:
            self.error = decoder.error
            return b""
        self._count(len(events), len(chunk))
        if not whole or self._may_show(len(chunk)):
            self._show_marked(events, self._media_marks)
            if self.error is not None:
                return b""
        changed = self._look(events) if self._held is not None or not whole or is_marked(chunk, self._marks) else False
        if whole and decoder.idle and not changed:
            return chunk
        return b"".join([encode_event(event) for event in events])

    def finish(self) -> bytes:
        events = self._decoder.finish()
        self._count(len(events), 0)
        self._show_marked(events, self._media_marks)
        self._look(events)
        if self._held is not None:
            events.append(self._held)
        if self.error is not None:
            return b""
        return b"".join([encode_event(event) for event in events])

    def _show(self, document: dict[str, Any]) -> Reason | None:
        return shown.show(document, self.shown)

    def _look(self, events: list[Event]) -> bool:
        """Read the events that tell something; hide and hold what has to be, and say whether anything was."""
        kept: list[Event] = []
        changed = self._held is not None
        for event in events:
            document = self._read(event)
            hidden = document is not None and self._is_hidden(document)
            if self._held is not None:
                if hidden and document is not None:
                    complete(self._held, document)
                kept.append(self._held)
                self._held = None
            if self._hide_usage and document is not None and ends_of(document):
                self._held = event
            elif not hidden:
                kept.append(event)
            changed = changed or hidden or self._held is not None
        events[:] = kept
        return changed

    def _read(self, event: Event) -> dict[str, Any] | None:
        if event.data is None or not is_marked(event.data, self._marks):
            return None
        try:
            document = decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None  # nothing is masked here, so nothing has to be readable
        if type(document) is not dict:
            return None
        self._learn(document)
        return document

    def _is_hidden(self, document: dict[str, Any]) -> bool:
        return self._hide_usage and bool(document.get("usage")) and not document.get("choices")

    def _learn(self, document: dict[str, Any]) -> None:
        self.usage = usage_of(document.get("usage")) or self.usage
        response = document.get("response")
        if type(response) is dict:
            self.usage = usage_of(response.get("usage")) or self.usage
            self.finish_reason = response_end(response) or self.finish_reason
        if not self.finish_reason:
            self.finish_reason = next((known_finish(end) for end in ends_of(document)), "")


def ends_of(document: dict[str, Any]) -> list[Any]:
    """The finish reasons of its choices."""
    choices = document.get("choices")
    found = [choice.get("finish_reason") for choice in choices if type(choice) is dict] if type(choices) is list else []
    return [end for end in found if end]


def complete(event: Event, frame: dict[str, Any]) -> None:
    """Add to the event what it does not say and the usage frame does, but for the usage."""
    document = decode(event.data or b"{}")
    del frame["usage"]
    if frame.keys() - document.keys():
        add_missing(document, frame)
        event.data = encode(document)
