"""An answer that flows without being masked: the upstream's bytes, minus a usage frame the caller did not ask for.

Events are only looked into if they hold one of a few marks, which are those of the end; all others cost their share of
a search through the piece they came in. Nothing of an event leaves before all of it is there, so a stream that has to
be broken off is never broken inside an event. What the caller gets are the upstream's own bytes wherever a piece
starts and ends between events and nothing is hidden in it; else the same events, framed anew.

How much text there was is not read here: an event counts as four characters, which is a token as estimates go.
"""

import msgspec

from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.openai.answer import known_finish, response_end
from guardhouse.wire.dialects.openai.flow import AnswerStream, decode
from guardhouse.wire.json import encode
from guardhouse.wire.sse import Event
from guardhouse.wire.sse import encode as encode_event

_CHARACTERS_PER_EVENT = 4
_USAGE = (b'"usage":{', b'"usage": {')
_CHOICE_MARKS = (*_USAGE, b'"finish_reason":"', b'"finish_reason": "')
_RESPONSE_MARKS = (*_USAGE, b'"response.incomplete"', b'"response.failed"')


class Passage(AnswerStream):
    __slots__ = ("_marks",)

    def __init__(self, operation: Operation, hide_usage: bool) -> None:
        super().__init__(hide_usage)
        self._marks = _RESPONSE_MARKS if operation is Operation.RESPONSES else _CHOICE_MARKS

    def feed(self, chunk: bytes) -> bytes:
        decoder = self._decoder
        whole = decoder.idle
        events = decoder.feed(chunk)
        if decoder.error is not None:
            self.error = decoder.error
            return b""
        self._count(len(events))
        changed = self._look(events) if not whole or self._is_marked(chunk) else False
        if whole and decoder.idle and not changed:
            return chunk
        return b"".join([encode_event(event) for event in events])

    def finish(self) -> bytes:
        events = self._decoder.finish()
        self._count(len(events))
        self._look(events)
        return b"".join([encode_event(event) for event in events])

    def _count(self, events: int) -> None:
        self.events += events
        self.output_chars += events * _CHARACTERS_PER_EVENT

    def _is_marked(self, text: bytes) -> bool:
        return any(mark in text for mark in self._marks)

    def _look(self, events: list[Event]) -> bool:
        """Read the events that tell something; take out what is to be hidden, and say whether anything was."""
        hidden = []
        changed = False
        for event in events:
            if event.data is None or not self._is_marked(event.data):
                continue
            try:
                document = decode(event.data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue  # nothing is masked here, so nothing has to be readable
            if type(document) is not dict:
                continue
            self._learn(document)
            if self._hide_usage and document.get("usage"):
                changed = True
                if document.get("choices"):
                    del document["usage"]
                    event.data = encode(document)
                else:
                    hidden.append(event)
        for event in hidden:
            events.remove(event)
        return changed

    def _learn(self, document: dict[str, object]) -> None:
        self._note_usage(document.get("usage"))
        response = document.get("response")
        if type(response) is dict:
            self._note_usage(response.get("usage"))
            self.finish_reason = response_end(response) or self.finish_reason
        choices = document.get("choices")
        for choice in choices if type(choices) is list else ():
            if type(choice) is dict and choice.get("finish_reason") and not self.finish_reason:
                self.finish_reason = known_finish(choice["finish_reason"])
