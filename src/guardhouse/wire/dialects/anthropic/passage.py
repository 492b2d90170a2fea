"""An answer that flows without being masked, as passed.py has it.

Usage and end stand in the events of the message itself, all of which have `message_` in their name, and images and
files in those that start a block; only these are decoded, all others cost their share of a search through the piece
they came in.
"""

from typing import Any

import msgspec

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.anthropic import media
from guardhouse.wire.dialects.anthropic.answer import end_of, learnt, usage_from
from guardhouse.wire.dialects.anthropic.errors import terminator
from guardhouse.wire.dialects.flow import decode
from guardhouse.wire.dialects.passed import PassedStream
from guardhouse.wire.sse import Event
from guardhouse.wire.sse import encode as encode_event

_MARK = b'"message_'
_START = b'_start"'
_MEDIA = (b'"content_block_start"', b'"message_start"')


class Passage(PassedStream):
    __slots__ = ("_figures",)

    def __init__(self, hide_usage: bool) -> None:
        super().__init__(hide_usage)
        self._figures: dict[str, int] = {}

    def terminator(self, denial: Denial) -> bytes:
        return terminator(denial)

    def feed(self, chunk: bytes) -> bytes:
        decoder = self._decoder
        whole = decoder.idle
        events = decoder.feed(chunk)
        if decoder.error is not None:
            self.error = decoder.error
            return b""
        self._count(len(events), len(chunk))
        if not whole or _START in chunk or self._may_show(len(chunk)):
            self._show_marked(events, _MEDIA, small=True)
            if self.error is not None:
                return b""
        if not whole or _MARK in chunk:
            self._look(events)
        if whole and decoder.idle:
            return chunk
        return b"".join([encode_event(event) for event in events])

    def finish(self) -> bytes:
        events = self._decoder.finish()
        self._count(len(events), 0)
        self._show_marked(events, _MEDIA, small=True)
        self._look(events)
        if self.error is not None:
            return b""
        return b"".join([encode_event(event) for event in events])

    def _show(self, document: dict[str, Any]) -> Reason | None:
        return media.show(document, self.shown)

    def _look(self, events: list[Event]) -> None:
        for event in events:
            if event.data is None or _MARK not in event.data:
                continue
            try:
                document = decode(event.data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue  # nothing is masked here, so nothing has to be readable
            if type(document) is dict:
                self._learn(document)

    def _learn(self, document: dict[str, object]) -> None:
        message, delta = document.get("message"), document.get("delta")
        if document.get("type") == "message_start" and type(message) is dict:
            learnt(self._figures, message.get("usage"))
        elif document.get("type") == "message_delta":
            self.usage = usage_from(learnt(self._figures, document.get("usage"))) or self.usage
            if type(delta) is dict:
                self.finish_reason = end_of(delta.get("stop_reason")) or self.finish_reason
