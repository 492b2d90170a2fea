"""What every answer that flows has in common: events in, events out, and what is learnt on the way.

`AnswerStream` is the interface of the path. `feed` takes the bytes of one read of the upstream and returns the bytes
for the caller, whole events in one piece; `finish` says that nothing more comes. What a stream has told of itself
stands in `usage`, `finish_reason`, `masked`, `events`, `output_chars` and `media` at any time. Once `error` is set
nothing is returned any more, and the caller of `feed` and `finish` ends the exchange with `terminator`.

`MaskedStream` holds what masking needs whatever the operation: each event is decoded, judged and encoded again, so the
upstream's bytes never reach the caller. Texts that grow over events go through a masker of their own, everything
else is masked as a whole text. Masking belongs to a layer above; it is handed in as two functions, a factory of maskers
(`escaped` or not) and one for whole texts. An event that cannot be read ends the stream with RESPONSE_UNREADABLE, for
what was not looked at must not pass for clean. Strings that come again and again (`type`, names of events) are masked
once and remembered, up to a bound.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.model.text import Text
from guardhouse.model.usage import Usage
from guardhouse.wire.dialects.pieces import JudgeMedia, Shown
from guardhouse.wire.dialects.walk import HARMLESS, KNOWN_KEYS, Keys, is_plain, rewrite
from guardhouse.wire.json import encode
from guardhouse.wire.sse import Event, SseDecoder
from guardhouse.wire.sse import encode as encode_event

_USUAL_TOKEN = 4  # bytes
MOST_FIELDS = 1024  # texts that grow at the same time; each costs a masker
_MOST_REMEMBERED = 256
_USUAL_NAMES = KNOWN_KEYS | frozenset(  # those of nearly every event, to save the closer look
    (
        *("choices", "content_index", "created_at", "delta", "done", "done_reason", "eval_count", "eval_duration"),
        *("item", "item_id", "load_duration", "matched_stop", "obfuscation", "output_index", "part"),
        *("prompt_eval_count", "prompt_eval_duration", "stop_reason", "summary_index", "thinking", "token_ids"),
        *("total_duration",),
    )
)
_LONGEST_REMEMBERED = 64
DONE = b"[DONE]"

decode = msgspec.json.Decoder().decode


def is_marked(text: bytes, marks: tuple[bytes, ...]) -> bool:
    for mark in marks:  # noqa: SIM110 - asked for every event, and a generator costs more than what it does
        if mark in text:
            return True
    return False


class Masker(Protocol):
    """Masks one text that arrives in pieces; what it has returned, joined, is the whole text masked."""

    @property
    def counts(self) -> Mapping[str, int]: ...
    def feed(self, piece: str, /) -> str: ...
    def finish(self) -> str: ...


MaskerFactory = Callable[[bool], Masker]
Whole = Callable[[str, bool], str]


class Framing(Protocol):
    """Cuts a stream into events: server-sent ones (wire/sse.py) unless a dialect has others."""

    error: Reason | None

    @property
    def idle(self) -> bool: ...
    def feed(self, chunk: bytes, /) -> list[Event]: ...
    def finish(self) -> list[Event]: ...


class AnswerStream(ABC):
    """`judge_media` may be set before the first byte: it is asked of images, recordings and files as they show, and
    what it returns ends the stream. With it every event has to be readable."""

    __slots__ = (
        *("_decoder", "_hide_usage", "error", "events", "finish_reason", "judge_media", "media", "output_chars"),
        "usage",
    )

    def __init__(self, hide_usage: bool, framing: Framing | None = None) -> None:
        self._decoder: Framing = SseDecoder() if framing is None else framing
        self._hide_usage = hide_usage
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.events = 0
        self.output_chars = 0
        self.judge_media: JudgeMedia | None = None
        self.media: Shown | None = None  # None: there were none
        self.error: Reason | None = None

    @property
    def masked(self) -> dict[str, int]:
        return {}

    @property
    def shown(self) -> Shown:
        if self.media is None:
            self.media = Shown(self.judge_media)
        return self.media

    @abstractmethod
    def _show(self, document: dict[str, Any]) -> Reason | None:
        """Tell `shown` of the media in one event."""

    @abstractmethod
    def feed(self, chunk: bytes) -> bytes: ...

    @abstractmethod
    def finish(self) -> bytes: ...

    @abstractmethod
    def terminator(self, denial: Denial) -> bytes:
        """How a stream that has begun ends in an error."""


class MaskedStream(AnswerStream):
    __slots__ = ("_counts", "_masker", "_remembered", "_remembered_lines", "_whole")

    def __init__(self, masker: MaskerFactory, whole: Whole, hide_usage: bool, framing: Framing | None = None) -> None:
        super().__init__(hide_usage, framing)
        self._masker = masker
        self._whole = whole
        self._counts: dict[str, int] = {}
        self._remembered: dict[str, str] = {}
        self._remembered_lines: dict[bytes, bytes] = {}

    @property
    def masked(self) -> dict[str, int]:
        total = dict(self._counts)
        for masker in self._open_maskers():
            add(total, masker.counts)
        return total

    def feed(self, chunk: bytes) -> bytes:
        return self._pass(self._decoder.feed(chunk))

    def finish(self) -> bytes:
        out = self._pass(self._decoder.finish())
        if self.error is not None:
            return b""
        rest: list[bytes] = []
        self._flush(rest)
        return out + b"".join(rest)

    @abstractmethod
    def _open_maskers(self) -> list[Masker]: ...

    @abstractmethod
    def _judge(self, event: Event, document: dict[str, Any], out: list[bytes]) -> bool:
        """Mask the document in place; events to go before it are appended. False if it does not go, or not yet."""

    @abstractmethod
    def _flush(self, out: list[bytes]) -> None:
        """Append what is still held back, as events."""

    def _pass(self, events: list[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            data = event.data
            if not data or data == DONE:
                self._pass_mark(event, out)
                continue
            try:
                document = decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                document = None
            if type(document) is not dict:
                self.error = Reason.RESPONSE_UNREADABLE
                break
            self.events += 1
            if self._judge(event, document, out):
                self._send(event, document, out)
            if self.error is not None:
                self._show(document)
                break
        if self._decoder.error is not None:
            self.error = self._decoder.error
        return b"" if self.error is not None else b"".join(out)

    def _send(self, event: Event, document: dict[str, Any], out: list[bytes]) -> None:
        if event.lines:
            out.append(self._mask_lines(event.lines))
        out += (b"data: ", encode(document), b"\n\n")

    def _pass_mark(self, event: Event, out: list[bytes]) -> None:
        """An event without a document: a comment, an empty one, or the end."""
        if event.data:
            self._flush(out)
        lines = self._mask_lines(event.lines) if event.lines else b""
        out.append(encode_event(Event(event.data, event.name, lines)))

    def _mask_lines(self, lines: bytes) -> bytes:
        masked = self._remembered_lines.get(lines)
        if masked is not None:
            return masked
        try:
            texts = lines.decode().splitlines()
        except UnicodeDecodeError:
            self.error = Reason.RESPONSE_UNREADABLE
            return b""
        masked = "".join([f"{self._mask_whole(text, False)}\n" for text in texts]).encode()
        if len(lines) <= _LONGEST_REMEMBERED and len(self._remembered_lines) < _MOST_REMEMBERED:
            self._remembered_lines[lines] = masked
        return masked

    def _mask_below(self, node: Any) -> None:
        rewrite(node, self._mask_whole)

    def _mask_texts(self, found: list[Text]) -> None:
        """Each where it stands."""
        for text in found:
            masked = self._mask_whole(text.value, text.escaped)
            if masked is not text.value:
                text.holder[text.key] = masked

    def _mask_names(self, node: dict[str, Any]) -> None:
        """The names of members, where they may be content. Each comes whole."""
        if node.keys() <= _USUAL_NAMES:
            return
        names = Keys(node)
        for name in [name for name in node if name not in _USUAL_NAMES and not is_plain(name)]:
            masked = self._mask_short(name)
            if masked != name:
                names[name] = masked

    def _mask_short(self, text: str) -> str:
        """A string that probably came before."""
        if text in HARMLESS:
            return text
        masked = self._remembered.get(text)
        if masked is None:
            masked = self._mask_whole(text, False)
            if len(text) <= _LONGEST_REMEMBERED and len(self._remembered) < _MOST_REMEMBERED:
                self._remembered[text] = masked
        return masked

    def _mask_whole(self, text: str, escaped: bool) -> str:
        masked = self._whole(text, escaped)
        if masked != text:
            masker = self._masker(escaped)  # once more, for the counts: whole texts rarely hold anything
            masker.feed(text)
            masker.finish()
            add(self._counts, masker.counts)
        return masked

    def _close(self, masker: Masker) -> str:
        tail = masker.finish()
        add(self._counts, masker.counts)
        return tail


def add_missing(document: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        document.setdefault(key, value)


def add(total: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        total[name] = total.get(name, 0) + count


def weight(piece: str) -> int:
    """What a piece of text counts in `output_chars`: its bytes, and as much as a token usually has at least."""
    size = len(piece) if piece.isascii() else len(piece.encode("utf-8", "surrogatepass"))
    return size if size > _USUAL_TOKEN or not size else _USUAL_TOKEN
