"""Masking the events of chat and completions.

Every string inside a choice that grows from event to event is a text of its own, known by its path: choice 0's
`delta.content`, choice 1's `delta.refusal`, the `arguments` of tool call 2 of choice 0. Each has its own masker.
Growing are all strings of a choice and of its delta, known or not (clients join what they do not know), and further
down those under the names of GROWING. FIXED strings, the rest further down, and whatever stands beside the choices come
whole in one event and are masked as whole texts; ids and names of tools are structural and pass.

What a masker holds back goes out with the event that carries the choice's `finish_reason`, and if none ever does, in
an event of its own before `[DONE]` or at the end. So the caller gets one event for each of the upstream's; only the
hidden usage frame is missing, and that one may be added.

The usage frame that only the gateway has asked for is one without choices; usage beside choices is the upstream's own
way and stays. What the frame tells besides (llama.cpp's timings) would stand in the event before it if nobody had
asked. Therefore an event that ends a choice waits for the next one, and from the frame takes over what it has not.

Text that comes for a choice after its end ends the stream: what was held back for it is gone, so nobody could say any
more what the caller has put together. So does an event that has neither choices nor an error nor usage: it belongs to
another dialect, and its texts may grow anywhere.

`logprobs` spell the text out token by token and cannot be masked; they are emptied. Recordings and images cannot be
read, and end the stream.
"""

from itertools import pairwise
from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.flow import MOST_FIELDS, MaskedStream, Masker, MaskerFactory, Whole, add_missing, weight
from guardhouse.wire.dialects.openai import shown
from guardhouse.wire.dialects.openai.answer import known_finish, usage_of
from guardhouse.wire.dialects.openai.errors import terminator
from guardhouse.wire.dialects.spelling import drop_spelling
from guardhouse.wire.dialects.walk import LONGEST_ID
from guardhouse.wire.json import encode
from guardhouse.wire.sse import Event

Path = tuple[str | int, ...]

_DEEPEST: Final = 16
_FRAME: Final = ("id", "object", "created", "model", "system_fingerprint")
_STRUCTURAL: Final = frozenset(("id", "model", "name", "system_fingerprint"))
_FIXED: Final = frozenset(
    (
        "finish_reason",
        "format",
        "id",
        "matched_stop",
        "name",
        "object",
        "role",
        "signature",
        "status",
        "stop_reason",
        "type",
    )
)
_GROWING: Final = frozenset(
    (
        *("arguments", "content", "data", "delta", "input", "output", "partial_json", "reasoning", "refusal"),
        *("response", "summary", "text", "thinking", "transcript"),
    )
)


class ChoiceStream(MaskedStream):
    __slots__ = ("_ended", "_fields", "_frame", "_held")

    def __init__(self, masker: MaskerFactory, whole: Whole, hide_usage: bool) -> None:
        super().__init__(masker, whole, hide_usage)
        self._fields: dict[Path, Masker] = {}
        self._ended: set[int] = set()
        self._frame: dict[str, Any] = {}
        self._held: tuple[Event, dict[str, Any]] | None = None  # ended a choice; the usage frame may be next

    def terminator(self, denial: Denial) -> bytes:
        return terminator(denial)

    def _show(self, document: dict[str, Any]) -> Reason | None:
        return shown.show(document, self.shown)

    def _open_maskers(self) -> list[Masker]:
        return list(self._fields.values())

    def _judge(self, event: Event, document: dict[str, Any], out: list[bytes]) -> bool:
        if "choices" not in document and "error" not in document and "usage" not in document:
            self.error = Reason.RESPONSE_UNREADABLE
            return False
        if not self._hide_usage:
            self._mask(document)
            return True
        ended = len(self._ended)
        hidden = self._take_usage(document)
        self._mask(document)
        if self._held is not None:
            if hidden:
                add_missing(self._held[1], document)
            self._release_held(out)
        if len(self._ended) > ended:
            self._held = (event, document)
            return False
        return not hidden

    def _take_usage(self, document: dict[str, Any]) -> bool:
        """Whether this is the frame that the caller did not ask for. In other events the asking leaves a null."""
        figures = document.get("usage")
        if figures and document.get("choices"):
            return False
        document.pop("usage", None)
        if figures:
            self.usage = usage_of(figures) or self.usage
        return bool(figures)

    def _release_held(self, out: list[bytes]) -> None:
        if self._held is not None:
            event, document = self._held
            self._held = None
            self._send(event, document, out)

    def _mask(self, document: dict[str, Any]) -> None:
        self._frame = document
        self._mask_names(document)
        for key, value in document.items():
            kind = type(value)
            if kind is str:
                if key in _GROWING:
                    self.error = Reason.RESPONSE_UNREADABLE  # the events of another dialect
                elif key not in _STRUCTURAL or len(value) > LONGEST_ID:
                    document[key] = self._mask_short(value)
            elif key == "choices" and kind is list:
                self._judge_choices(value)
            elif kind is dict or kind is list:
                if key == "usage":
                    self.usage = usage_of(value) or self.usage
                self._mask_below(value)

    def _judge_choices(self, choices: list[Any]) -> None:
        for choice in choices:
            index = choice.get("index", 0) if type(choice) is dict else None
            if type(index) is not int:
                self.error = Reason.RESPONSE_UNREADABLE
                return
            drop_spelling(choice)
            self._grow(choice, (index,))
            finish = choice.get("finish_reason")
            if finish:
                self.finish_reason = self.finish_reason or known_finish(finish)
                self._end(index, choice)

    def _grow(self, node: dict[str, Any], path: Path) -> None:
        """Mask the strings of a choice, or of an object inside of one, and names in it that may be content."""
        self._mask_names(node)
        for key, value in node.items():
            kind = type(value)
            if kind is str:
                if key in _FIXED:
                    if key not in _STRUCTURAL or len(value) > LONGEST_ID:
                        node[key] = self._mask_short(value)
                elif len(path) <= 2 or key in _GROWING:
                    node[key] = self._mask_piece((*path, key), value)
                else:
                    node[key] = self._mask_short(value)
            elif kind is dict:
                if key == "audio" or len(path) > _DEEPEST:
                    self.error = Reason.RESPONSE_UNREADABLE
                else:
                    self._grow(value, (*path, key))
            elif kind is list:
                if shown.in_list(node, key, ""):
                    self.error = Reason.RESPONSE_UNREADABLE
                    return
                self._grow_list(value, (*path, key))

    def _grow_list(self, entries: list[Any], path: Path) -> None:
        for position, entry in enumerate(entries):
            if type(entry) is dict:
                number = entry.get("index", position)
                if type(number) is not int or len(path) > _DEEPEST:
                    self.error = Reason.RESPONSE_UNREADABLE
                    return
                self._grow(entry, (*path, number))
            elif type(entry) is str:
                entries[position] = self._mask_short(entry)
            elif type(entry) is list:
                self._mask_below(entry)

    def _mask_piece(self, path: Path, piece: str) -> str:
        masker = self._fields.get(path)
        if masker is None:
            if not piece:
                return piece
            if path[0] in self._ended or len(self._fields) >= MOST_FIELDS:
                self.error = Reason.RESPONSE_UNREADABLE
                return ""
            masker = self._fields[path] = self._masker(path[-1] == "arguments")
        self.output_chars += weight(piece)
        return masker.feed(piece)

    def _end(self, index: int, choice: dict[str, Any]) -> None:
        """The choice is complete: put what was held back of its texts into this event."""
        if len(self._ended) >= MOST_FIELDS:
            self.error = Reason.RESPONSE_UNREADABLE
            return
        self._ended.add(index)
        self._release(index, choice)

    def _release(self, index: int, choice: dict[str, Any]) -> bool:
        released = False
        for path in [path for path in self._fields if path[0] == index]:
            tail = self._close(self._fields.pop(path))
            if tail:
                place(choice, path[1:], tail)
                released = True
        return released

    def _flush(self, out: list[bytes]) -> None:
        self._release_held(out)
        for index in sorted({path[0] for path in self._fields if type(path[0]) is int}):
            choice: dict[str, Any] = {"index": index}
            if self._release(index, choice):
                choice["finish_reason"] = None
                frame = {key: self._frame[key] for key in _FRAME if key in self._frame}
                out.append(b"data: %b\n\n" % encode({**frame, "choices": [choice]}))


def place(root: dict[str, Any], path: Path, tail: str) -> None:
    """Append `tail` to the string at `path`, making what is missing on the way. A number is an entry's index."""
    node: Any = root
    for part, following in pairwise(path):
        if type(part) is int:
            node = _entry(node, part)
        else:
            kind = list if type(following) is int else dict
            if type(node.get(part)) is not kind:
                node[part] = kind()
            node = node[part]
    node[path[-1]] = (node.get(path[-1]) or "") + tail


def _entry(entries: list[Any], number: int) -> dict[str, Any]:
    for position, entry in enumerate(entries):
        if type(entry) is dict and entry.get("index", position) == number:
            return entry
    entry = {"index": number}
    entries.append(entry)
    return entry
