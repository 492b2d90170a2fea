"""The form in which a file of requests is uploaded: what the caller's says, and the one that goes upstream.

A caller's form is read and forgotten. The one that is sent is written here, round the requests that were judged: with
our own boundary, which cannot stand in JSON of one line each because no line holds a carriage return, and with a name
of our own for the file. So there are no two readings of it.

Taken are `purpose`, which must be `batch`, since what a file for anything else holds could not be judged; `file`; and
`expires_after`, as OpenAI's clients write it in a form.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.content import judge_encoding
from guardhouse.wire.multipart import Part, boundary_of, parts_of

CONTENT: Final = b"content-type: multipart/form-data; boundary=guardhouse\r\n"
LEAST_EXPIRY: Final = 3600
MOST_EXPIRY: Final = 2592000
_ANCHOR: Final = "expires_after[anchor]"
_SECONDS: Final = "expires_after[seconds]"
_KNOWN: Final = frozenset(("file", "purpose", _ANCHOR, _SECONDS))
_LONGEST_VALUE: Final = 64
_WHOLE: Final = re.compile(rb"[1-9][0-9]{0,8}")
_FIELD: Final = b'--guardhouse\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n'
_FILE: Final = (
    b'--guardhouse\r\ncontent-disposition: form-data; name="file"; filename="batch.jsonl"\r\n'
    b"content-type: application/jsonl\r\n\r\n"
)
_HEAD_END: Final = b"\r\n\r\n"
_END: Final = b"\r\n--guardhouse--\r\n"


class Upload:
    """The file as the caller sent it, and how long it is to be kept, in seconds; 0 if nothing is said."""

    __slots__ = ("content", "expires")

    def __init__(self, content: bytearray, expires: int) -> None:
        self.content = content
        self.expires = expires

    def __repr__(self) -> str:
        return f"<Upload {len(self.content)} bytes>"


def read(headers: Mapping[bytes, bytes], body: bytes | bytearray) -> Upload | Denial:
    boundary = boundary_of(headers.get(b"content-type", b""))
    if boundary is None:
        return Denial(Reason.CONTENT_TYPE_UNSUPPORTED, "That of an upload must be multipart/form-data.")
    denial = judge_encoding(headers)
    if denial is not None:
        return denial
    parts = parts_of(body, boundary)
    if isinstance(parts, str):
        return Denial(Reason.MULTIPART_INVALID, parts)
    fields = _fields_of(parts)
    if isinstance(fields, Denial):
        return fields
    if fields["purpose"] != b"batch":
        return Denial(Reason.PURPOSE_REFUSED, param="purpose")
    expires = _expiry(fields)
    if isinstance(expires, Denial):
        return expires
    return Upload(fields["file"], expires)


def _fields_of(parts: list[Part]) -> dict[str, bytearray] | Denial:
    fields: dict[str, bytearray] = {}
    for part in parts:
        name = part.name
        if name not in _KNOWN:
            return Denial(Reason.MULTIPART_INVALID, "It has a field other than file, purpose and expires_after.")
        if name in fields:
            return Denial(Reason.MULTIPART_INVALID, "A field stands twice.", name)
        if name != "file" and (part.is_file or len(part.content) > _LONGEST_VALUE):
            return Denial(Reason.MULTIPART_INVALID, "This field is not a file.", name)
        fields[name] = part.content
    for name in ("file", "purpose"):
        if name not in fields:
            return Denial(Reason.MULTIPART_INVALID, f"The field {name} is missing.", name)
    return fields


def _expiry(fields: dict[str, bytearray]) -> int | Denial:
    """In seconds; 0 if nothing is said."""
    anchor, seconds = fields.get(_ANCHOR), fields.get(_SECONDS)
    if anchor is None and seconds is None:
        return 0
    wrong = Denial(
        Reason.SHAPE_INVALID, f"It counts {LEAST_EXPIRY} to {MOST_EXPIRY} seconds from created_at.", "expires_after"
    )
    if anchor is None or anchor != b"created_at" or seconds is None or _WHOLE.fullmatch(seconds) is None:
        return wrong
    return int(seconds) if LEAST_EXPIRY <= int(seconds) <= MOST_EXPIRY else wrong


def written(content: Iterable[bytes], expires: int) -> bytes:
    """The form that goes upstream, with a file that comes in pieces."""
    parts = [_FIELD % (b"purpose", b"batch")]
    if expires:
        parts.append(_FIELD % (_ANCHOR.encode(), b"created_at"))
        parts.append(_FIELD % (_SECONDS.encode(), b"%d" % expires))
    return b"".join([*parts, _FILE, *content, _END])


def content_of(form: bytes) -> bytes:
    """The file in a form that `written` has made."""
    end = len(form) - len(_END)
    return form[form.rindex(_HEAD_END, 0, end) + len(_HEAD_END) : end]
