"""KServe v2 over REST as one `Dialect`; each file beside this one knows one part of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.dialect import DialectName
from guardhouse.model.media import Part, Parts
from guardhouse.model.reason import Reason
from guardhouse.model.tensors import Tensors
from guardhouse.model.text import Text
from guardhouse.model.usage import Usage
from guardhouse.wire import json
from guardhouse.wire.dialects.content import is_json, judge_encoding
from guardhouse.wire.dialects.dialect import Dialect, Prepared, Route
from guardhouse.wire.dialects.flow import AnswerStream, MaskerFactory, Whole
from guardhouse.wire.dialects.kserve import about, binary, contents, held, media, request, routes
from guardhouse.wire.dialects.kserve.routes import JSON_ONLY, KServeRoute

_OCTETS = b"application/octet-stream"
_RAW_NUMBERS = 2  # bytes of memory per raw byte of a request that waits
_RAW_TEXTS = 48  # if every element is one letter


class KServe(Dialect):
    __slots__ = ()

    name: DialectName = "kserve"
    payload = "data"  # of tensors
    flowing = b"(nothing)"  # an answer is one document

    # the bytes

    def read(
        self, headers: Mapping[bytes, bytes], body: bytes | bytearray, route: Route, most: int
    ) -> tuple[Any, bytes] | Denial:
        """Clients of this protocol may leave out the content type; where there is one, it must say the truth."""
        assert isinstance(route, KServeRoute)
        stated, content_type = headers.get(binary.HEADER), headers.get(b"content-type")
        denial = judge_encoding(headers)
        if denial is not None:
            return denial
        if stated is None:
            if content_type is not None and not is_json(content_type):
                return Denial(Reason.CONTENT_TYPE_UNSUPPORTED)
            return json.decode(body, most)
        if content_type is not None and content_type != _OCTETS and not is_json(content_type):
            return Denial(Reason.CONTENT_TYPE_UNSUPPORTED)
        length = binary.length_of(stated, len(body))
        if length < 0:
            return Denial(Reason.SHAPE_INVALID, "The header does not state how much of the body is JSON.")
        decoded = json.decode(body[:length], most)
        if isinstance(decoded, Denial):
            return decoded
        document = decoded[0]
        denial = binary.take(document, "inputs", bytes(body[length:]), most)
        if denial is not None:
            return denial
        route.split = len(decoded[1])
        return document, decoded[1] + body[length:]

    def encode(self, document: Any, route: Route) -> bytes:
        assert isinstance(route, KServeRoute)
        if route.split == JSON_ONLY:
            return json.encode(document)
        encoded, route.split = binary.join(document, "inputs")
        return encoded

    def reread(self, encoded: bytes, route: Route) -> Any:
        assert isinstance(route, KServeRoute)
        if route.split == JSON_ONLY:
            return super().reread(encoded, route)
        decoded = json.decode(encoded[: route.split])
        assert not isinstance(decoded, Denial)
        denial = binary.take(decoded[0], "inputs", encoded[route.split :])
        assert denial is None
        return decoded[0]

    def weight(self, encoded: bytes, route: Route) -> int:
        """Raw numbers are kept as they are, in the encoding and beside it; raw texts become strings."""
        assert isinstance(route, KServeRoute)
        if route.split == JSON_ONLY:
            return super().weight(encoded, route)
        head = encoded[: route.split]
        per_byte = _RAW_TEXTS if b'"BYTES"' in head else _RAW_NUMBERS
        return super().weight(head, route) + per_byte * (len(encoded) - route.split)

    def content(self, route: Route) -> bytes:
        assert isinstance(route, KServeRoute)
        if route.split == JSON_ONLY:
            return b"content-type: application/json\r\n"
        return b"content-type: %b\r\n%b: %d\r\n" % (_OCTETS, binary.HEADER, route.split)

    def is_document(self, content_type: bytes) -> bool:
        return content_type.startswith((b"application/json", _OCTETS))

    def read_answer(self, headers: Mapping[bytes, bytes], body: bytes, route: Route) -> tuple[Any, bytes] | None:
        assert isinstance(route, KServeRoute)
        stated = headers.get(binary.HEADER)
        length = len(body) if stated is None else binary.length_of(stated, len(body))
        decoded = json.decode_answer(body[:length]) if length >= 0 else None
        if decoded is None:
            return None
        document, source = decoded
        if stated is not None:
            if type(document) is not dict or type(document.get("outputs")) is not list:
                return None
            if binary.take(document, "outputs", body[length:]) is not None:
                return None
            route.answer_split = length
        if stated is not None or b"content_type" in source:
            found = [text.value.encode() for text in contents.answer_texts(document)]
            source = b"\n".join((source, *found))
        return document, source

    def encode_answer(self, document: Any, route: Route) -> bytes:
        assert isinstance(route, KServeRoute)
        if route.answer_split == JSON_ONLY:
            return json.encode(document)
        encoded, route.answer_split = binary.join(document, "outputs")
        return encoded

    def answer_content(self, route: Route) -> bytes:
        assert isinstance(route, KServeRoute)
        split = route.answer_split
        return b"" if split == JSON_ONLY else b"%b: %d\r\n" % (binary.HEADER, split)

    # the request

    def check(self, document: Any, route: Route) -> Denial | None:
        assert isinstance(route, KServeRoute)
        denial = request.check(document, names_model=False)
        if denial is None and route.split == JSON_ONLY and any(map(binary.sized, document["inputs"])):
            return Denial(Reason.SHAPE_INVALID, "Raw tensors need the header that says where they begin.")
        return denial

    def model(self, document: Any, route: Route) -> str:
        return route.model or ""

    def is_streamed(self, document: Any, route: Route) -> bool:
        return False

    def uses_tools(self, document: Any) -> bool:
        return False

    def texts(self, document: Any, route: Route) -> list[Text]:
        return contents.request_texts(document)

    def unreadable(self, document: Any, route: Route) -> list[str]:
        return contents.unreadable(document, "inputs")

    def media(self, document: Any, route: Route) -> Sequence[Part | Parts]:
        return media.media(document, "inputs")

    def unknown_fields(self, document: Any, route: Route) -> list[str]:
        return request.unknown_fields(document)

    # the length of the answer: it has no tokens

    def longest(self, document: Any, route: Route) -> int:
        return 0

    def is_length_named(self, document: Any, route: Route) -> bool:
        return False

    def answers(self, document: Any, route: Route) -> int:
        return 1

    def shorten(self, document: Any, route: Route, most: int, unsaid: int) -> bool:
        return False

    def most_given(self, document: Any, encoded: bytes, route: Route) -> int | None:
        return len(encoded)  # there are no tokens but those that a model makes of the texts in its tensors

    # what goes upstream

    def prepare(self, document: Any, route: Route, upstream_name: str) -> Prepared:
        return Prepared.AS_IT_WAS

    def upstream_path(self, route: Route, upstream_name: str) -> bytes:
        version = f"/versions/{route.pinned}" if route.pinned else ""
        return f"/v2/models/{upstream_name}{version}/infer".encode("ascii")

    # the answer

    def usage(self, document: Any, route: Route) -> Usage | None:
        return None

    def finish_reason(self, document: Any, route: Route) -> str:
        return ""

    def unreadable_answer(self, document: Any, route: Route) -> list[str]:
        return contents.unreadable(document, "outputs")

    def answer_media(self, document: Any, route: Route) -> Sequence[Part | Parts]:
        return media.media(document, "outputs")

    def answer_texts(self, document: Any, route: Route) -> list[Text]:
        return contents.answer_texts(document)

    def drop_fragments(self, document: Any) -> None:
        """Nothing here spells a text out a second time."""

    def stream(self, route: Route, masker: MaskerFactory | None, whole: Whole | None, hide_usage: bool) -> AnswerStream:
        raise AssertionError("no answer of this dialect flows")

    # what the gateway says itself

    def error(self, denial: Denial) -> bytes:
        return json.encode(about.refusal(denial))

    def answer_locally(self, route: Route, visible: Sequence[str]) -> bytes | None:
        return None if route.model is not None else json.encode(about.server(route.path))

    def misfit(self, document: Any, side: str, tensors: Tensors) -> str | None:
        return held.fault(document, side, tensors)

    def answer_about(
        self, route: Route, versions: Sequence[str], inputs: Tensors | None, outputs: Tensors | None
    ) -> bytes | None:
        assert route.model is not None
        if route.path.endswith(b"/ready"):
            return json.encode(about.readiness(route.model))
        return json.encode(about.model(route.model, versions, inputs, outputs))


KSERVE = KServe()


def recognise(method: str, path: bytes) -> Route | Reason:
    return routes.recognise(KSERVE, method, path)
