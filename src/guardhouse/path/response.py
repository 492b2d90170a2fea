"""The answer on its way back: read, counted, masked, and handed to the caller no faster than it is recorded.

The answer's own content type decides how it is read, whatever was asked for:

- what the dialect calls flowing (`text/event-stream`) flows: each read of the upstream becomes at most one write to
  the caller, events one for one;
- what it calls a document (JSON) is collected (up to `upstream.response_body`): masking and usage need the whole of it;
- plain text, and a page of HTML, is collected and masked as text, in a charset in which ASCII is ASCII;
- anything else passes unread where the policy masks nothing in answers, and is refused where it does. The same holds
  for an encoded body: the gateway asks for `identity`, so one that is encoded all the same cannot be inspected.

What passes without anybody having looked into it, as a part of a document or as a whole, is on the record (unseen.py).

A JSON answer is scanned as a whole, in its canonical encoding, before anybody looks for its texts: no entity has a
character that JSON escapes, so what stands in some string stands in the encoding as well, and most answers end there.

The last bytes are not sent from here: they stay in `exchange.answer` until the closed record is written (see `record`).
Only ALLOWED headers of the upstream reach the caller, and no redirect does: where to send a prompt is not the model
server's decision.
"""

import logging
import re
from typing import Any, Final

from guardhouse.inspect.masker import mask, mask_texts
from guardhouse.inspect.scanner import scan_entities
from guardhouse.inspect.stream import StreamMasker
from guardhouse.model.denial import Denial
from guardhouse.model.entity import Entity
from guardhouse.model.reason import Reason
from guardhouse.path import answered, credentials, deferred_answer, unseen
from guardhouse.path.answered import Naming
from guardhouse.path.exchange import Exchange
from guardhouse.path.fault import describe
from guardhouse.path.holding import keep_answer
from guardhouse.path.plane import DataPlane
from guardhouse.path.render import render_stream_head
from guardhouse.wire.dialects.flow import AnswerStream
from guardhouse.wire.http1.head import ResponseHead

ALLOWED: Final = frozenset(
    (
        b"cache-control",
        b"content-encoding",
        b"content-language",
        b"openai-processing-ms",
        b"openai-version",
        b"retry-after",
    )
)

log: Final = logging.getLogger("guardhouse.path")


_ASKS_WHO: Final = frozenset((401, 407))  # it is the gateway that is asked, and no business of the caller
_EVENTS: Final = b"text/event-stream"  # of an error, which nobody reads event by event
_TEXT: Final = re.compile(
    rb'text/(?:plain|html)\s*(?:;\s*charset="?(?:utf-?8|us-ascii|iso-8859-1)"?\s*)?', re.IGNORECASE
)


class Response:
    """The sink of one exchange. Every method returns a Denial to break the exchange off, or None."""

    __slots__ = (
        "_collected",
        "_dialect",
        "_exchange",
        "_headers",
        "_limit",
        "_naming",
        "_plane",
        "_route",
        "_size",
        "_stream",
    )

    def __init__(self, exchange: Exchange, plane: DataPlane) -> None:
        assert exchange.route is not None
        self._exchange = exchange
        self._plane = plane
        self._route = exchange.route
        self._dialect = exchange.route.dialect
        self._limit = plane.settings.upstream.response_body
        self._naming: Naming | None = None  # until the name of a pinned model is known
        self._headers: dict[bytes, bytes] = {}
        self._collected: list[bytes] = []
        self._size = 0
        self._stream: AnswerStream | None = None

    def received(self, head: ResponseHead, part: bytes, complete: bool) -> Denial | None:
        try:
            if not self._exchange.status:
                denial = self._begin(head)
                if denial is not None:
                    return denial
            if self._stream is not None:
                return self._flow(self._stream, part, complete)
            self._collected.append(part)
            self._size += len(part)
            if self._size > self._limit:
                return Denial(Reason.RESPONSE_TOO_LARGE)
            return self._finish() if complete else keep_answer(self._exchange, self._plane, self._size)
        except Exception as error:  # noqa: BLE001 - fails closed: an answer that could not be judged does not go on
            log.error("answer to %s failed: %s", self._exchange.id, describe(error))
            return Denial(Reason.INTERNAL)

    def broken(self, denial: Denial) -> bytes:
        """What ends a stream that has begun in the dialect's legal way."""
        return self._stream.terminator(denial) if self._stream is not None else b""

    def note_usage(self) -> None:
        """Take over what a stream has told of itself so far; safe to call at any point."""
        exchange, stream = self._exchange, self._stream
        if stream is not None:
            exchange.usage = stream.usage
            exchange.finish_reason = stream.finish_reason
            exchange.masked_response = stream.masked
            exchange.output_chars = stream.output_chars
            if stream.media is not None:
                unseen.note_shown(exchange, stream.media)

    def _begin(self, head: ResponseHead) -> Denial | None:
        exchange, headers = self._exchange, head.headers
        if 300 <= head.status < 400:
            return Denial(Reason.REDIRECT_REFUSED)
        if head.status in _ASKS_WHO:
            return credentials.refused(exchange, self._plane, head.status)
        exchange.status = head.status
        self._headers = headers
        exchange.first_byte = self._plane.loop_time() - exchange.started
        content_type = headers.get(b"content-type", b"")
        encoding = headers.get(b"content-encoding", b"identity")
        if exchange.mask_response and encoding != b"identity":
            return Denial(Reason.RESPONSE_UNREADABLE, "The answer is encoded although that was not asked for.")
        exchange.answer_type = content_type
        if not ALLOWED.isdisjoint(headers):
            kept = [b"%b: %b\r\n" % (name, headers[name]) for name in headers if name in ALLOWED]
            exchange.answer_headers = b"".join(kept)
        flows = head.status == 200 and content_type.startswith(self._dialect.flowing) and encoding == b"identity"
        if 200 <= head.status < 300 and answered.must_be_read(exchange):
            return self._begin_held(flows=flows, readable=encoding == b"identity")
        if flows:
            self._open_stream()
        return None

    def _begin_held(self, *, flows: bool, readable: bool) -> Denial | None:
        """An answer that only counts if it can be read: by the name of its model, a contract, or what it may hold."""
        model = self._exchange.model
        assert model is not None
        contract = model.rules.contract
        if flows and (contract is None or contract.response is None):
            self._open_stream()
            return None
        if flows or not readable or not self._dialect.is_document(self._exchange.answer_type):
            return Denial(Reason.RESPONSE_UNREADABLE, "What the model is held to needs a document.")
        return None

    def _open_stream(self) -> None:
        exchange = self._exchange
        wanted = Entity(exchange.mask_response)
        self._stream = self._dialect.stream(
            self._route,
            (lambda escaped: StreamMasker(wanted, escaped=escaped)) if wanted else None,
            (lambda text, escaped: mask(text, wanted, escaped=escaped)[0]) if wanted else None,
            exchange.usage_added,
        )
        self._stream.judge_media = unseen.judge_of(exchange)
        pinned = None if exchange.model is None else exchange.model.pinned
        if pinned is not None:
            self._naming = Naming(exchange, self._plane, holds=pinned.refuse)
        exchange.begun = True
        exchange.caller.start(render_stream_head(exchange))

    def _flow(self, stream: AnswerStream, part: bytes, complete: bool) -> Denial | None:
        if self._naming is not None:
            named = self._naming.look(part, complete)
            if isinstance(named, Denial):
                return named
            part = named
            if self._naming.is_over:
                self._naming = None
        out = stream.feed(part) if part else b""
        if stream.error is not None:
            return Denial(stream.error)
        exchange = self._exchange
        if exchange.meter is not None:
            denial = exchange.meter.judge(stream.output_chars)
            if denial is not None:
                return denial
        if complete:
            return self._complete(stream, out)
        if out:
            exchange.bytes_out += len(out)
            exchange.caller.send(out)
        return None

    def _complete(self, stream: AnswerStream, out: bytes) -> Denial | None:
        """The end may bring one more event, which may be one that does not go on."""
        exchange, rest = self._exchange, stream.finish()
        if stream.error is None:
            exchange.answer = out + rest
            return None
        if out:
            exchange.bytes_out += len(out)
            exchange.caller.send(out)
        return Denial(stream.error)

    def _finish(self) -> Denial | None:
        exchange = self._exchange
        collected = self._collected
        body = collected[0] if len(collected) == 1 else b"".join(collected)
        content_type = exchange.answer_type
        if exchange.status >= 400 and credentials.is_in(body, exchange, self._plane):
            return Denial(Reason.CREDENTIAL_IN_ANSWER)
        if self._route.deferred and exchange.status >= 400:
            body = deferred_answer.in_the_caller_s_words(self._route, body)
        exchange.answer = body
        if self._dialect.is_document(content_type):
            denial = self._finish_document(body)
            exchange.answer_headers += self._dialect.answer_content(self._route)
            return denial
        if not body:
            return None
        encoded = self._headers.get(b"content-encoding", b"identity") != b"identity"
        if _TEXT.fullmatch(content_type) or (exchange.status >= 400 and content_type.startswith(_EVENTS)):
            if exchange.mask_response:
                return self._finish_text(body)
            return unseen.judge(exchange, [unseen.WHOLE], []) if encoded else None
        if exchange.mask_response:
            return Denial(Reason.RESPONSE_UNREADABLE, "The answer is neither JSON nor text.")
        return unseen.judge_body(exchange, content_type, body)

    def _finish_document(self, body: bytes) -> Denial | None:
        """Read once; what leaves is what was judged, byte for byte the upstream's own where nothing had to change."""
        exchange = self._exchange
        dialect, route = self._dialect, self._route
        if route.deferred and 200 <= exchange.status < 300:
            self._collected = []  # the body may be large, and will be held for a while
            return deferred_answer.finish(exchange, self._plane, route, body)
        decoded = dialect.read_answer(self._headers, body, route)
        wanted = exchange.mask_response
        served = 200 <= exchange.status < 300
        if decoded is None:
            if wanted or (served and answered.must_be_read(exchange)):
                return Denial(Reason.RESPONSE_UNREADABLE, "The answer is not what it says it is.")
            if body:
                unseen.note(exchange, [unseen.WHOLE], [])
            return None
        document, source = decoded
        exchange.usage = dialect.usage(document, route)
        exchange.finish_reason = dialect.finish_reason(document, route)
        if served:
            denial = answered.note(exchange, self._plane, document) or answered.fault_of(exchange, document)
            if denial is not None:
                return denial
        hidden = dialect.unreadable_answer(document, route)
        if hidden:
            denial = unseen.judge(exchange, hidden, dialect.answer_media(document, route))
            if denial is not None:
                return denial
        if not wanted:
            return None
        candidates = scan_entities(source) & wanted
        if candidates:
            self._mask_document(document, Entity(candidates))
        return None

    def _mask_document(self, document: Any, wanted: Entity) -> None:
        dialect = self._dialect
        masked = mask_texts(dialect.answer_texts(document, self._route), wanted)
        if masked:
            dialect.drop_fragments(document)  # token by token they would spell out what was masked
            self._exchange.masked_response = masked
            self._exchange.answer = dialect.encode_answer(document, self._route)

    def _finish_text(self, body: bytes) -> Denial | None:
        exchange = self._exchange
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return Denial(Reason.RESPONSE_UNREADABLE, "The answer is not valid UTF-8.")
        masked, counts = mask(text, Entity(exchange.mask_response))
        exchange.masked_response = counts
        exchange.answer = masked.encode()
        return None
