"""Masking the events of the Responses API.

An event says its `type`. Those with a string as `delta` carry a piece of a text that grows: one text for each type,
item and place inside the item, each with a masker of its own. All other events carry whole texts, often the very texts
that grew before (`….done`, `response.completed`), and are masked as such; since masking pieces gives what masking the
whole gives, both tell the caller the same.

What a masker holds back goes out as one more `delta` event, ahead of the event that ends the text: the `done` of its
type, the end of its item, or the end of the response. Later `sequence_number`s are moved up by the events added.

Usage and end are read from the event that closes the response. Deltas that are no strings, audio and images cannot be
inspected, an event without a type is none of this dialect, and a text that goes on after its end can no longer be
masked as one: the stream ends there.
"""

from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.model.text import Text
from guardhouse.wire.dialects.flow import MOST_FIELDS, MaskedStream, Masker, MaskerFactory, Whole, weight
from guardhouse.wire.dialects.openai import shown
from guardhouse.wire.dialects.openai.answer import drop_fragments, response_end, unreadable, usage_of
from guardhouse.wire.dialects.openai.errors import error_event
from guardhouse.wire.dialects.openai.texts import answer_texts
from guardhouse.wire.dialects.openai.turns import item_texts
from guardhouse.wire.dialects.walk import LONGEST_ID, collect_member
from guardhouse.wire.json import encode
from guardhouse.wire.sse import Event

Place = tuple[str, str, int, int]

_ENDS = frozenset(("response.completed", "response.incomplete", "response.failed", "response.cancelled"))
_ITEM_ENDS = frozenset(("response.output_item.done", "response.content_part.done"))
_OPAQUE = ("response.audio.delta", "response.image_generation_call.partial_image", "response.output_audio.delta")
_STRUCTURAL = frozenset(("item_id", "call_id", "name", "response_id"))


class ItemStream(MaskedStream):
    __slots__ = ("_added", "_ended", "_fields", "_number", "_templates")

    def __init__(self, masker: MaskerFactory, whole: Whole, hide_usage: bool) -> None:
        super().__init__(masker, whole, hide_usage)
        self._fields: dict[Place, Masker] = {}
        self._templates: dict[Place, dict[str, Any]] = {}  # a delta event of each text, for the one that may be added
        self._ended: set[Place] = set()
        self._added = 0
        self._number = 0

    def terminator(self, denial: Denial) -> bytes:
        return error_event(denial, self._number + 1)

    def _show(self, document: dict[str, Any]) -> Reason | None:
        return shown.show(document, self.shown)

    def _open_maskers(self) -> list[Masker]:
        return list(self._fields.values())

    def _judge(self, event: Event, document: dict[str, Any], out: list[bytes]) -> bool:
        kind = document.get("type")
        if type(kind) is not str or kind in _OPAQUE:
            self.error = Reason.RESPONSE_UNREADABLE
            return False
        if document.get("logprobs"):
            document["logprobs"] = []
        self._mask_names(document)
        if "delta" in document:
            self._judge_delta(document, kind)
        else:
            self._judge_whole(document, kind, out)
        number = document.get("sequence_number")
        if type(number) is int:
            document["sequence_number"] = self._number = number + self._added
        return True

    def _judge_delta(self, document: dict[str, Any], kind: str) -> None:
        piece = document["delta"]
        place = _place(document, kind.removesuffix(".delta"))
        if type(piece) is not str or place is None:
            self.error = Reason.RESPONSE_UNREADABLE
            return
        found: list[Text] = []
        for key, value in document.items():
            if type(value) is str:
                if key == "type":
                    document[key] = self._mask_short(value)
                elif key != "delta" and (key not in _STRUCTURAL or len(value) > LONGEST_ID):
                    document[key] = self._mask_whole(value, False)
            elif type(value) is dict or type(value) is list:
                collect_member(document, key, value, "other", found)
        self._mask_texts(found)
        masker = self._fields.get(place)
        if masker is None:
            if place in self._ended or len(self._fields) + len(self._ended) >= MOST_FIELDS:
                self.error = Reason.RESPONSE_UNREADABLE
                return
            masker = self._fields[place] = self._masker(place[0].endswith("arguments"))
            self._templates[place] = dict(document)
        self.output_chars += weight(piece)
        document["delta"] = masker.feed(piece)

    def _judge_whole(self, document: dict[str, Any], kind: str, out: list[bytes]) -> None:
        self._release(document, kind, out)
        response, item, part = document.get("response"), document.get("item"), document.get("part")
        drop_fragments({"output": [item, {"content": [part]}]})
        if type(response) is dict:
            drop_fragments(response)
            self.usage = usage_of(response.get("usage")) or self.usage
            if kind in _ENDS:
                self.finish_reason = response_end(response) or self.finish_reason
        if unreadable({"output": [item, {"content": [part]}]}) or (type(response) is dict and unreadable(response)):
            self.error = Reason.RESPONSE_UNREADABLE
            return
        found: list[Text] = []
        for key, value in document.items():
            if key == "response" and type(value) is dict:
                found += answer_texts(value, Operation.RESPONSES)
            elif key == "item":
                item_texts(document, key, found)
            elif key == "type":
                document[key] = self._mask_short(kind)
            elif key not in _STRUCTURAL or type(value) is not str or len(value) > LONGEST_ID:
                collect_member(document, key, value, "other", found)
        self._mask_texts(found)

    def _release(self, document: dict[str, Any], kind: str, out: list[bytes]) -> None:
        """Send what is held back of the texts that this event ends."""
        if not self._fields:
            return
        if kind in _ENDS:
            ended = list(self._fields)
        elif kind in _ITEM_ENDS:
            item = document.get("item")
            name = item.get("id") if type(item) is dict else document.get("item_id")
            number = document.get("output_index")
            ended = [place for place in self._fields if place[1] == name or place[2] == number]
        elif kind.endswith(".done"):
            one = _place(document, kind.removesuffix(".done"))
            ended = [one] if one is not None and one in self._fields else []
        else:
            return
        for place in ended:
            self._send_tail(place, out)

    def _send_tail(self, place: Place, out: list[bytes]) -> None:
        tail = self._close(self._fields.pop(place))
        event = self._templates.pop(place)
        self._ended.add(place)
        if not tail:
            return
        event["delta"] = tail
        if "sequence_number" in event:
            self._number += 1
            self._added += 1
            event["sequence_number"] = self._number
        kind = event["type"]
        name = b"event: %b\n" % kind.encode() if kind.isprintable() else b""
        out.append(b"%bdata: %b\n\n" % (name, encode(event)))

    def _flush(self, out: list[bytes]) -> None:
        for place in list(self._fields):
            self._send_tail(place, out)


def _place(document: dict[str, Any], text: str) -> Place | None:
    """Which text an event is about: its kind, its item, and where in the item."""
    item = document.get("item_id", "")
    output = document.get("output_index", -1)
    inner = document.get("content_index", document.get("summary_index", -1))
    if type(item) is not str or type(output) is not int or type(inner) is not int:
        return None
    return text, item, output, inner
