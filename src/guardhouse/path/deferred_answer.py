"""What a model server says of files and batches, and what comes back in them.

Objects get the caller's ids for the model server's; one that is not what was asked for is refused, whatever policies
say. Files that are read back are lines of JSON. Where a policy masks answers, the model is held to a contract or a
name, or something in them may be no text, each line is read, by the same reader as any answer, and judged as the answer
that it holds; where answers are masked, what leaves is written anew. Otherwise they pass as they are.
"""

import asyncio
from typing import Any, Final

from guardhouse.inspect.masker import mask_texts
from guardhouse.inspect.scanner import scan_entities
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.entity import Entity
from guardhouse.model.reason import Reason
from guardhouse.model.sealed import Sealed, SealedKind
from guardhouse.path import answered, unseen
from guardhouse.path.deferred import place_of
from guardhouse.path.deferred_size import Figures
from guardhouse.path.exchange import HELD, Exchange
from guardhouse.path.holding import keep_answer
from guardhouse.path.plane import DataPlane
from guardhouse.wire import json
from guardhouse.wire.dialects.deferred import DeferredRoute, Deferring
from guardhouse.wire.dialects.dialect import Route

_OBJECT: Final = b"application/json"
_LINES: Final = b"application/jsonl"
_SOURCE: Final = "(the input file)"
_TELLING: Final = 6  # characters of an id; a shorter one may be anything
_AT_ONCE: Final = 1 << 20  # bytes of a file that is searched in one go
_UNREADABLE: Final = Denial(Reason.RESPONSE_UNREADABLE, "The answer is not what it says it is.")


def finish(exchange: Exchange, plane: DataPlane, route: Route, body: bytes) -> Verdict:
    """Of an answer that is no error. HELD: it is for `finish_in_turns` to judge."""
    assert isinstance(route, DeferredRoute)
    if route.step == "read":
        exchange.answer_type = _LINES
        assert isinstance(route.dialect, Deferring)
        if not _is_judged(exchange) and len(body) < _AT_ONCE and not route.dialect.may_show(body):
            return None
        exchange.answer, route.held = b"", body  # nobody gets it before it is judged
        return HELD
    exchange.answer_type = _OBJECT
    return _finish_object(exchange, route, body, Sealing(exchange, plane, route))


class Sealing:
    """Makes the caller's ids of what an exchange has brought about or asked for."""

    __slots__ = ("_about", "_plane", "_principal")

    def __init__(self, exchange: Exchange, plane: DataPlane, route: DeferredRoute) -> None:
        assert exchange.principal is not None
        self._plane = plane
        self._principal = exchange.principal.id
        self._about = route.sealed or _about(exchange, route)

    def seal(self, kind: SealedKind, id_: str) -> str:
        about = self._about
        if kind == "output":
            sealed = Sealed(kind, id_, "", about.model, about.target, about.place, about.operation)
        else:
            source = about.id if kind == "batch" else ""
            sealed = Sealed(
                kind,
                id_,
                source,
                about.model,
                about.target,
                about.place,
                about.operation,
                about.judged,
                about.size,
                about.risk,
                about.tools,
                about.bounded,
                about.given,
                about.made,
                about.most_given,
                about.most_made,
            )
        return self._plane.seals.seal(sealed, self._principal)


def _about(exchange: Exchange, route: DeferredRoute) -> Sealed:
    """What is to be remembered of an upload."""
    model, target, measured = exchange.model, exchange.target, route.measured
    assert model is not None
    assert target is not None
    assert measured is not None
    assert route.through is not None
    figures = Figures(measured, model, route.through)
    return Sealed(
        "input",
        "",
        "",
        model.name,
        target.name,
        place_of(target),
        route.through.word,
        route.judged,
        route.size,
        route.risk,
        route.tools,
        figures.bounded,
        figures.given,
        figures.made,
        figures.most_given,
        figures.most_made,
    )


def _finish_object(exchange: Exchange, route: DeferredRoute, body: bytes, sealing: Sealing) -> Verdict:
    dialect = route.dialect
    assert isinstance(dialect, Deferring)
    decoded = json.decode_answer(body)
    if decoded is None or not dialect.take_ids(decoded[0], route, sealing.seal):
        return _UNREADABLE
    document = decoded[0]
    candidates = scan_entities(decoded[1]) & exchange.mask_response
    if candidates:
        exchange.masked_response = mask_texts(dialect.answer_texts(document, route), Entity(candidates))
    exchange.answer = in_the_caller_s_words(route, json.encode(document))
    return None


def in_the_caller_s_words(route: Route, body: bytes) -> bytes:
    """What a model server says of a thing, an error above all, may name it by the id that it has there."""
    assert isinstance(route, DeferredRoute)
    sealed = route.sealed
    if sealed is None:
        return body
    for theirs, ours in ((sealed.id, route.given), (sealed.source, _SOURCE)):
        if len(theirs) >= _TELLING:
            body = body.replace(theirs.encode(), ours.encode())
    return body


def _is_judged(exchange: Exchange) -> bool:
    """Whether anybody wants to know what stands in the lines."""
    return (
        bool(exchange.mask_response)
        or (exchange.model is not None and exchange.model.pinned is not None)
        or (answered.must_be_read(exchange))
    )


async def finish_in_turns(exchange: Exchange, plane: DataPlane) -> Verdict:
    """Of a file that is read back: piece by piece, the loop going round in between, as judging.py does with uploads."""
    route = exchange.route
    assert isinstance(route, DeferredRoute)
    dialect, body = route.dialect, route.held
    assert isinstance(dialect, Deferring)
    route.held = b""
    wanted = exchange.mask_response
    needed = wanted or answered.must_be_read(exchange)
    judged_all = _is_judged(exchange)
    denial = keep_answer(exchange, plane, 2 * len(body))
    if denial is not None and judged_all:
        return denial
    pieces = None if denial is not None else dialect.lines_in(body)
    if pieces is None and needed:
        return _UNREADABLE
    if pieces is None:  # it was only to be looked into
        unseen.note(exchange, [unseen.WHOLE], [])
        exchange.answer = body
        return None
    out: list[bytes] = []
    for lines in pieces:
        await asyncio.sleep(0)
        if not judged_all and not any(dialect.may_show(line) for line in lines):
            continue
        async with plane.lane:
            judged = _judge_lines(exchange, plane, route, lines)
        if isinstance(judged, Denial):
            return judged
        if wanted:
            out.append(judged)
    exchange.answer = b"".join(out) if wanted else body
    return None


def _judge_lines(exchange: Exchange, plane: DataPlane, route: DeferredRoute, lines: list[bytes]) -> bytes | Denial:
    """What leaves of them."""
    dialect = route.dialect
    assert isinstance(dialect, Deferring)
    found: list[bytes] = []
    for line in lines:
        if line.strip():
            judged = _judge_line(exchange, plane, route, line)
            if isinstance(judged, Denial):
                return judged
            found.append(judged)
    return dialect.file_of(found) if found else b""


def _judge_line(exchange: Exchange, plane: DataPlane, route: DeferredRoute, line: bytes) -> bytes | Denial:
    """What leaves of it."""
    dialect = route.dialect
    assert isinstance(dialect, Deferring)
    decoded = json.decode_answer(line)
    if decoded is None:
        return _unread(exchange, line)
    document, source = decoded
    body = dialect.answer_in(document)
    if body is not None:
        denial = answered.note(exchange, plane, body) or answered.fault_of(exchange, body)
        if denial is not None:
            return denial
    hidden = dialect.unreadable_answer(document, route)
    if hidden:
        denial = unseen.judge(exchange, hidden, dialect.answer_media(document, route))
        if denial is not None:
            return denial
    wanted = exchange.mask_response
    if not wanted:
        return source
    candidates = scan_entities(source) & wanted
    return source if not candidates else _masked(exchange, route, document, source, candidates)


def _unread(exchange: Exchange, line: bytes) -> bytes | Denial:
    """One that is not what it says it is leaves all the same where nobody has to know what it holds."""
    if exchange.mask_response or answered.must_be_read(exchange):
        return _UNREADABLE
    if exchange.unseen is None or unseen.WHOLE not in exchange.unseen.places:  # told once: others need the room
        unseen.note(exchange, [unseen.WHOLE], [])
    return line


def _masked(exchange: Exchange, route: DeferredRoute, document: Any, source: bytes, candidates: int) -> bytes:
    dialect = route.dialect
    masked = mask_texts(dialect.answer_texts(document, route), Entity(candidates))
    if not masked:
        return source
    dialect.drop_fragments(document)
    counts = exchange.masked_response
    for name, count in masked.items():
        counts[name] = counts.get(name, 0) + count
    return dialect.encode_answer(document, route)
