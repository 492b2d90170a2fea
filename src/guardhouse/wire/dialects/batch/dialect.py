"""Files and batches as dialects: one for each kind of body that callers send. See the files beside this one."""

from collections.abc import Mapping, Sequence
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.dialect import DialectName
from guardhouse.model.media import Part
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.model.text import Text
from guardhouse.wire import json
from guardhouse.wire.dialects.batch import ids, lines, order, results, upload
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

    def read(self, headers: Mapping[bytes, bytes], body: bytes | bytearray, route: Route) -> tuple[Any, bytes] | Denial:
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

    def measure(self, document: Any, route: DeferredRoute) -> Measure:
        return Measure()

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

    def lines_in(self, body: bytes) -> list[bytes] | None:
        return lines.parted(body)

    def file_of(self, found: list[bytes]) -> bytes:
        return lines.encode(found)

    def unreadable_answer(self, document: Any, route: Route) -> list[str]:
        assert isinstance(route, DeferredRoute)
        if route.step != "read" or route.through is None:
            return []
        return results.unreadable(document, route.through)

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

    def read(self, headers: Mapping[bytes, bytes], body: bytes | bytearray, route: Route) -> tuple[Any, bytes] | Denial:
        return judge_content(headers) or json.decode(body)

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
    """The upload of a file; its document is the list of its lines."""

    __slots__ = ()

    def read(self, headers: Mapping[bytes, bytes], body: bytes | bytearray, route: Route) -> tuple[Any, bytes] | Denial:
        found = upload.read(headers, body)
        if isinstance(found, Denial):
            return found
        assert isinstance(route, DeferredRoute)
        route.expires = found.expires
        return found.lines, found.encoded

    def encode(self, document: Any, route: Route) -> bytes:
        assert isinstance(route, DeferredRoute)
        return upload.written(lines.encode([json.encode(line) for line in document]), route.expires)

    def reread(self, encoded: bytes, route: Route) -> Any:
        found = lines.read(upload.content_of(encoded))
        assert not isinstance(found, Denial)
        return found[0]

    def weight(self, encoded: bytes, route: Route) -> int:
        return json.weight(encoded)

    def content(self, route: Route) -> bytes:
        return upload.CONTENT

    def check(self, document: Any, route: Route) -> Denial | None:
        assert isinstance(route, DeferredRoute)
        found = lines.check(document)
        if isinstance(found, Denial):
            return found
        route.through = found
        return None

    def model(self, document: Any, route: Route) -> str:
        return lines.model_of(document)

    def requests(self, document: Any) -> Sequence[dict[str, Any]]:
        return [line["body"] for line in document]

    def measure(self, document: Any, route: DeferredRoute) -> Measure:
        return lines.measured(document, _through(route))

    def is_kept(self, document: Any, route: Route, *, mend: bool) -> bool:
        """Of one of its requests."""
        return request.is_kept(document, _through(route), mend=mend)

    def uses_tools(self, document: Any) -> bool:
        return lines.uses_tools(document)

    def texts(self, document: Any, route: Route) -> list[Text]:
        return lines.texts_of(document, _through(route))

    def unreadable(self, document: Any, route: Route) -> list[str]:
        return lines.unreadable(document, _through(route))

    def media(self, document: Any, route: Route) -> list[Part]:
        return lines.media_in(document, _through(route))

    def unknown_fields(self, document: Any, route: Route) -> list[str]:
        return lines.unknown_fields(document, _through(route))

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


ASKING = Asking()
ORDERING = Ordering()
UPLOADING = Uploading()
