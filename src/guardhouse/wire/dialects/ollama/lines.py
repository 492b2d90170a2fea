"""An answer that flows, as lines of JSON: each carries a piece of the texts, the last one says `done` and what it took.

The pieces of `message.content`, `message.thinking`, `response` and `thinking` grow over the lines, as does any other
string that stands beside them: clients join what they do not know. Each has a masker of its own. Calls of tools come
whole in one line and are masked as whole texts. What a masker holds back goes out in the line that is `done`, or in one
of its own at the end if none ever is.

Text that comes after the line that is `done` ends the stream: what was held back is gone by then, so nobody could say
any more what the caller has put together. So does a line that is no object, or none of this dialect's.
"""

from typing import Any

import msgspec

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire import ndjson
from guardhouse.wire.dialects.flow import MaskedStream, Masker, MaskerFactory, Whole, decode, weight
from guardhouse.wire.dialects.ollama import answer
from guardhouse.wire.dialects.ollama.errors import terminator
from guardhouse.wire.dialects.passed import PassedStream
from guardhouse.wire.dialects.walk import LONGEST_ID
from guardhouse.wire.json import encode
from guardhouse.wire.ndjson import LineDecoder
from guardhouse.wire.sse import Event

Place = tuple[str, str]

_MOST_TEXTS = 32
_MARKS = (b'"done":true', b'"done": true')
_MEDIA = (b'"image', b'"audio"')
_FIXED = frozenset(("created_at", "done_reason", "model", "remote_host", "remote_model", "role"))
_STRUCTURAL = frozenset(("model", "created_at"))
_FRAME = ("model", "created_at")


class LinePassage(PassedStream):
    """The upstream's own bytes, whole lines at a time; looked into only where it says that it is done, or may hold
    media."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(False, LineDecoder())

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
        self._look(events)
        if not whole or self._may_show(len(chunk)):
            self._show_marked(events, _MEDIA)
            if self.error is not None:
                return b""
        return chunk if whole and decoder.idle else _joined(events)

    def finish(self) -> bytes:
        events = self._decoder.finish()
        self._count(len(events), 0)
        self._look(events)
        self._show_marked(events, _MEDIA)
        return b"" if self.error is not None else _joined(events)

    def _show(self, document: dict[str, Any]) -> Reason | None:
        return answer.show(document, self.shown)

    def _look(self, events: list[Event]) -> None:
        for event in events:
            if event.data is not None and any(mark in event.data for mark in _MARKS):
                self._learn(event.data)

    def _learn(self, line: bytes) -> None:
        try:
            document = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # nothing is masked here, so nothing has to be readable
        if type(document) is dict and document.get("done") is True:
            self.usage = answer.usage_of(document) or self.usage
            self.finish_reason = answer.finish_reason(document) or self.finish_reason


class LineStream(MaskedStream):
    __slots__ = ("_ended", "_frame", "_texts")

    def __init__(self, masker: MaskerFactory, whole: Whole) -> None:
        super().__init__(masker, whole, False, LineDecoder())
        self._texts: dict[Place, Masker] = {}
        self._frame: dict[str, Any] = {}
        self._ended = False

    def terminator(self, denial: Denial) -> bytes:
        return terminator(denial)

    def _show(self, document: dict[str, Any]) -> Reason | None:
        return answer.show(document, self.shown)

    def _open_maskers(self) -> list[Masker]:
        return list(self._texts.values())

    def _send(self, event: Event, document: dict[str, Any], out: list[bytes]) -> None:
        out.append(ndjson.encode(encode(document)))

    def _judge(self, event: Event, document: dict[str, Any], out: list[bytes]) -> bool:
        if "done" not in document and "error" not in document:
            self.error = Reason.RESPONSE_UNREADABLE
            return False
        if answer.unreadable(document):
            self.error = Reason.RESPONSE_UNREADABLE
            return False
        if "error" in document:
            self._flush(out)  # whoever reads it does not read on
        answer.drop_fragments(document)
        self._frame = document
        self._mask_names(document)
        self._grow(document, "")
        message = document.get("message")
        if type(message) is dict:
            self._mask_names(message)
            self._grow(message, "message")
        if document.get("done") is True:
            self._end(document)
        return True

    def _grow(self, node: dict[str, Any], place: str) -> None:
        for key, value in node.items():
            kind = type(value)
            if kind is str:
                if key not in _FIXED and key != "error":
                    node[key] = self._mask_piece((place, key), value)
                elif key not in _STRUCTURAL or len(value) > LONGEST_ID:
                    node[key] = self._mask_short(value)
            elif (kind is dict or kind is list) and not (key == "message" and not place and kind is dict):
                self._mask_below(value)

    def _mask_piece(self, place: Place, piece: str) -> str:
        if not piece:
            return piece
        masker = self._texts.get(place)
        if masker is None:
            if self._ended or len(self._texts) >= _MOST_TEXTS:
                self.error = Reason.RESPONSE_UNREADABLE
                return ""
            masker = self._texts[place] = self._masker(False)
        self.output_chars += weight(piece)
        return masker.feed(piece)

    def _end(self, document: dict[str, Any]) -> None:
        """The answer is complete: put what was held back of its texts into this line."""
        self._ended = True
        self.usage = answer.usage_of(document) or self.usage
        self.finish_reason = self.finish_reason or answer.finish_reason(document)
        self._release(document)

    def _release(self, document: dict[str, Any]) -> bool:
        released = False
        for (place, key), masker in self._texts.items():
            tail = self._close(masker)
            if tail:
                released = True
                _append(document, place, key, tail)
        self._texts.clear()
        return released

    def _flush(self, out: list[bytes]) -> None:
        line: dict[str, Any] = {key: self._frame[key] for key in _FRAME if key in self._frame}
        if self._release(line):
            out.append(ndjson.encode(encode({**line, "done": False})))


def _append(document: dict[str, Any], place: str, key: str, tail: str) -> None:
    """Add `tail` to a text of the line, which need not have it or what it stands in."""
    node: Any = document.get(place) if place else document
    if type(node) is not dict:
        node = document[place] = {"role": "assistant"}
    text = node.get(key)
    node[key] = f"{text}{tail}" if type(text) is str else tail


def _joined(events: list[Event]) -> bytes:
    return b"".join([ndjson.encode(event.data) for event in events if event.data is not None])
