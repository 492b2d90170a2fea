"""Is the body one readable document of the right shape?

The document decoded here is the only reading of the body there is: policies are decided on it, texts are masked in it,
and its own encoding is what goes upstream. The caller's bytes go no further than this file.
"""

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.wire import json
from guardhouse.wire.dialects.openai.request import check
from guardhouse.wire.http1.head import Head

_JSON = b"application/json"


def validate(exchange: Exchange, plane: DataPlane) -> Verdict:
    head, operation = exchange.head, exchange.operation
    assert head is not None
    assert operation is not None
    if operation is Operation.MODELS_READ:
        return Denial(Reason.BODY_UNEXPECTED) if exchange.body else None
    denial = _judge_headers(head)
    if denial is not None:
        return denial
    decoded = json.decode(exchange.body)
    exchange.body = b""
    if isinstance(decoded, Denial):
        return decoded
    document, encoded = decoded
    denial = check(document, operation)
    if denial is not None:
        return denial
    exchange.document = document
    exchange.encoded = encoded
    exchange.stream = document.get("stream") is True
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
