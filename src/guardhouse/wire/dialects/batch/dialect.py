"""Files and batches as dialects: one for each kind of body that callers send. See the files beside this one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.dialect import DialectName
from guardhouse.model.media import Part
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.model.text import Text
from guardhouse.wire import json
from guardhouse.wire.dialects.batch import ids, lines, order, reading, results, upload
from guardhouse.wire.dialects.content import judge_content
from guardhouse.wire.dialects.deferred import DeferredRoute, Deferring, Measure, Seal
from guardhouse.wire.dialects.dialect import Prepared, Route
from guardhouse.wire.dialects.openai import errors, request
from guardhouse.wire.dialects.rules import invalid

_NO_BODY = (b"", b"{}")


class Asking(Deferring):
    """Requests about a file or a batch, which have no body."""

    __slots__ = ()

    name: DialectName = "openai"

    def read(
        self, headers: Mapping[bytes, bytes], body: bytes | bytearray, route: Route, most: int
    ) -> tuple[Any, bytes] | Denial:
        return ({}, b"") if bytes(body) in _NO_BODY else Denial(Reason.BODY_UNEXPECTED)

    def encode(self, document: Any, route: Route) -> bytes:
        return b""

    def reread(self, encoded: bytes, route: Route) -> Any:
        return {}

    def weight(self, encoded: bytes, route: Route) -> int:
        return 0

    def content(self, route: Route) -> bytes:
        return b""

    def check(self, document: Any, route: Route) -> Denial | None:
        return None

    def model(self, document: Any, route: Route) -> str:
        assert isinstance(route, DeferredRoute)
        return "" if route.sealed is None else route.sealed.model

    def fits(self, document: Any, route: DeferredRoute) -> Denial | None:
        return None

    def requests(self, document: Any) -> Sequence[dict[str, Any]]:
        return ()

    def take_measure(self, document: Any, route: DeferredRoute, measured: Measure) -> None:
        """It holds nothing."""

    def read_piece(self, encoded: bytes) -> Any:
        return {}

    def read_all(self, encoded: bytes) -> Any:
        return {}

    def put_together(self, pieces: Iterable[bytes], route: DeferredRoute) -> bytes:
        return b"".join(pieces)

    def operation_of(self, word: str) -> Operation | None:
        return lines.OPERATIONS.get(word)

    def upstream_path(self, route: Route, upstream_name: str) -> bytes:
        """`path` of these routes has the place of the id, which is the model server's own there."""
        assert isinstance(route, DeferredRoute)
        return route.path if route.sealed is None else route.path.replace(b"*", route.sealed.id.encode("ascii"))

    def take_ids(self, document: Any, route: DeferredRoute, seal: Seal) -> bool:
        if route.operation is Operation.FILES:
            return ids.take_file(document, route.given, route.sealed, seal)
        assert route.sealed is not None
        return ids.take_batch(document, route.step, route.given, route.sealed, seal)

    def answer_in(self, line: Any) -> Any | None:
        return results.answer_in(line)

    def lines_in(self, body: bytes) -> Iterator[list[bytes]] | None:
        return reading.pieces(body)

    def may_show(self, body: bytes) -> bool:
        return results.may_show(body)

    def file_of(self, found: list[bytes]) -> bytes:
        return lines.encode(found)

    def unreadable_answer(self, document: Any, route: Route) -> list[str]:
        assert isinstance(route, DeferredRoute)
        if route.step != "read" or route.through is None:
            return []
        return results.unreadable(document, route.through)

    def answer_media(self, document: Any, route: Route) -> list[Part]:
        return results.media(document, _through(route))

    def answer_texts(self, document: Any, route: Route) -> list[Text]:
        assert isinstance(route, DeferredRoute)
        if route.step != "read" or route.through is None:
            return ids.texts_of(document)
        return results.texts_of(document, route.through)

    def drop_fragments(self, document: Any) -> None:
        results.drop_fragments(document)

    def error(self, denial: Denial) -> bytes:
        return errors.error_body(denial)


class Ordering(Asking):
    """The request for a batch."""

    __slots__ = ()

    def read(
        self, headers: Mapping[bytes, bytes], body: bytes | bytearray, route: Route, most: int
    ) -> tuple[Any, bytes] | Denial:
        return judge_content(headers) or json.decode(body, most)

    def encode(self, document: Any, route: Route) -> bytes:
        return json.encode(document)

    def reread(self, encoded: bytes, route: Route) -> Any:
        decoded = json.decode(encoded)
        assert not isinstance(decoded, Denial)
        return decoded[0]

    def weight(self, encoded: bytes, route: Route) -> int:
        return json.weight(encoded)

    def content(self, route: Route) -> bytes:
        return b"content-type: application/json\r\n"

    def check(self, document: Any, route: Route) -> Denial | None:
        denial = order.check(document)
        if denial is None:
            assert isinstance(route, DeferredRoute)
            route.given = document["input_file_id"]
        return denial

    def fits(self, document: Any, route: DeferredRoute) -> Denial | None:
        assert route.through is not None
        url = lines.url_of(route.through)
        return None if document["endpoint"] == url else invalid("endpoint", f"that of the file's requests, {url}")

    def texts(self, document: Any, route: Route) -> list[Text]:
        return order.texts_of(document)

    def unknown_fields(self, document: Any, route: Route) -> list[str]:
        return order.unknown_fields(document)

    def prepare(self, document: Any, route: Route, upstream_name: str) -> Prepared:
        assert isinstance(route, DeferredRoute)
        assert route.sealed is not None
        document["input_file_id"] = route.sealed.id
        return Prepared.CHANGED

    def upstream_path(self, route: Route, upstream_name: str) -> bytes:
        return route.path


class Uploading(Asking):
    """The upload of a file; its documents are lists of its lines, the pieces in which it is judged. When that is done,
    nothing is asked of them any more: the document of the whole is an empty list."""

    __slots__ = ()

    def read(
        self, headers: Mapping[bytes, bytes], body: bytes | bytearray, route: Route, most: int
    ) -> tuple[Any, bytes] | Denial:
        found = upload.read(headers, body)
        if isinstance(found, Denial):
            return found
        file = reading.open_file(found.content, most)
        if isinstance(file, Denial):
            return file
        assert isinstance(route, DeferredRoute)
        route.expires = found.expires
        route.unread = file
        return [], b""

    def encode(self, document: Any, route: Route) -> bytes:
        return lines.encode([json.encode(line) for line in document])

    def reread(self, encoded: bytes, route: Route) -> Any:
        return []

    def read_piece(self, encoded: bytes) -> Any:
        return reading.read_again(encoded)

    def read_all(self, encoded: bytes) -> Any:
        return reading.read_again(upload.content_of(encoded))

    def put_together(self, pieces: Iterable[bytes], route: DeferredRoute) -> bytes:
        return upload.written(pieces, route.expires)

    def weight(self, encoded: bytes, route: Route) -> int:
        return len(encoded)

    def content(self, route: Route) -> bytes:
        return upload.CONTENT

    def model(self, document: Any, route: Route) -> str:
        assert isinstance(route, DeferredRoute)
        assert route.unread is not None
        return route.unread.model

    def requests(self, document: Any) -> Sequence[dict[str, Any]]:
        return [line["body"] for line in document]

    def take_measure(self, document: Any, route: DeferredRoute, measured: Measure) -> None:
        lines.take_measure(document, _through(route), measured)

    def is_kept(self, document: Any, route: Route, *, mend: bool) -> bool:
        """Of one of its requests."""
        return request.is_kept(document, _through(route), mend=mend)

    def uses_tools(self, document: Any) -> bool:
        return lines.uses_tools(document)

    def texts(self, document: Any, route: Route) -> list[Text]:
        return lines.texts_of(document, _through(route))

    def unreadable(self, document: Any, route: Route) -> list[str]:
        return lines.unreadable(document, _through(route), _first(route))

    def media(self, document: Any, route: Route) -> list[Part]:
        return lines.media_in(document, _through(route), _first(route))

    def unknown_fields(self, document: Any, route: Route) -> list[str]:
        return lines.unknown_fields(document, _through(route), _first(route))

    def longest(self, document: Any, route: Route) -> int:
        return lines.longest(document)

    def is_length_named(self, document: Any, route: Route) -> bool:
        return lines.is_length_named(document, _through(route))

    def answers(self, document: Any, route: Route) -> int:
        return lines.answers(document, _through(route))

    def shorten(self, document: Any, route: Route, most: int, unsaid: int) -> bool:
        return lines.shorten(document, _through(route), most, unsaid)

    def is_endless(self, document: Any) -> bool:
        return lines.is_endless(document)

    def prepare(self, document: Any, route: Route, upstream_name: str) -> Prepared:
        return lines.prepare(document, upstream_name)


def _through(route: Route) -> Operation:
    assert isinstance(route, DeferredRoute)
    assert route.through is not None
    return route.through


def _first(route: Route) -> int:
    assert isinstance(route, DeferredRoute)
    return route.first


ASKING = Asking()
ORDERING = Ordering()
UPLOADING = Uploading()
