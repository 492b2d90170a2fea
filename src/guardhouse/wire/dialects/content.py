"""What a request says of its body: JSON, in UTF-8, not encoded. For the dialects whose requests are just that."""

from collections.abc import Mapping

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason

_JSON = b"application/json"


def judge_content(headers: Mapping[bytes, bytes]) -> Denial | None:
    content_type = headers.get(b"content-type", b"")
    if content_type != _JSON and not is_json(content_type):
        return Denial(Reason.CONTENT_TYPE_UNSUPPORTED)
    return judge_encoding(headers)


def judge_encoding(headers: Mapping[bytes, bytes]) -> Denial | None:
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() != b"identity":
        return Denial(Reason.CONTENT_ENCODING_UNSUPPORTED)
    return None


def is_json(content_type: bytes) -> bool:
    """`application/json`, with no parameter but `charset=utf-8`."""
    kind, _, parameters = content_type.partition(b";")
    if kind.strip().lower() != _JSON:
        return False
    parameter = parameters.strip().lower().replace(b'"', b"")
    return parameter in (b"", b"charset=utf-8", b"charset=utf8")
