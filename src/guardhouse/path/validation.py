"""Is the body one readable document of the right shape?

The document decoded here is the only reading of the body there is: policies are decided on it, texts are masked in it,
and its own encoding is what goes upstream. The caller's bytes go no further than this file.
"""

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.wire import json
from guardhouse.wire.http1.head import Head

_JSON = b"application/json"


def validate(exchange: Exchange, plane: DataPlane) -> Verdict:
    head, route = exchange.head, exchange.route
    assert head is not None
    assert route is not None
    if route.local:
        return Denial(Reason.BODY_UNEXPECTED) if exchange.body else None
    denial = _judge_headers(head)
    if denial is not None:
        return denial
    decoded = json.decode(exchange.body)
    exchange.body = b""
    if isinstance(decoded, Denial):
        return decoded
    document, encoded = decoded
    dialect = route.dialect
    denial = dialect.check(document, route)
    if denial is not None:
        return denial
    exchange.document = document
    exchange.encoded = encoded
    exchange.asked = dialect.model(document, route)
    exchange.stream = dialect.is_streamed(document, route)
    return None


def _judge_headers(head: Head) -> Verdict:
    headers = head.headers
    content_type = headers.get(b"content-type", b"")
    if content_type != _JSON and not _is_json(content_type):
        return Denial(Reason.CONTENT_TYPE_UNSUPPORTED)
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != b"identity":
        return Denial(Reason.CONTENT_ENCODING_UNSUPPORTED)
    return None


def _is_json(content_type: bytes) -> bool:
    """`application/json`, with no parameter but `charset=utf-8`."""
    kind, _, parameters = content_type.partition(b";")
    if kind.strip().lower() != _JSON:
        return False
    parameter = parameters.strip().lower().replace(b'"', b"")
    return parameter in (b"", b"charset=utf-8", b"charset=utf8")
