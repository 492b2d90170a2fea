"""Forms (`multipart/form-data`, RFC 7578), read in one way or not at all.

Readers of forms disagree about nearly everything that is odd: what stands before the first boundary or behind the last
one, a boundary with blanks behind it, a name given twice, a part in a part, an encoding of its own for a part. All of
that is refused, and what is read is never handed on: whoever needs a form writes a new one. File names are not looked
at, and forgotten.

The reader is linear: each byte is searched for the boundary once, and a head for its end, up to a bound.
"""

import re
from typing import Final

MOST_PARTS: Final = 8
_LONGEST_HEAD: Final = 2048
_MOST_FIELDS: Final = 4
_TOKEN: Final = rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_TYPE: Final = re.compile(rb'multipart/form-data[ \t]*;[ \t]*boundary=(?:"([^"]*)"|(%b))[ \t]*' % _TOKEN, re.IGNORECASE)
_BOUNDARY: Final = re.compile(rb"[A-Za-z0-9'()+_,./:=?-]{1,70}")
_FIELD: Final = re.compile(rb"(%b):[ \t]*([\t\x20-\x7e\x80-\xff]*)" % _TOKEN)
_FORM_DATA: Final = re.compile(rb"form-data[ \t]*", re.IGNORECASE)
_PARAMETER: Final = re.compile(rb';[ \t]*([A-Za-z]+\*?)=(?:"([^"\\]*)"|(%b))[ \t]*' % _TOKEN)
_FIELDS: Final = frozenset((b"content-disposition", b"content-type", b"content-length"))
_PARAMETERS: Final = frozenset((b"name", b"filename", b"filename*"))


class Part:
    __slots__ = ("content", "is_file", "name")

    def __init__(self, name: str, content: bytearray, *, is_file: bool) -> None:
        self.name = name
        self.content = content
        self.is_file = is_file

    def __repr__(self) -> str:
        return f"<Part {len(self.content)} bytes>"


def boundary_of(content_type: bytes) -> bytes | None:
    """None if it is not a form, or not one whose boundary every reader takes for the same."""
    match = _TYPE.fullmatch(content_type)
    if match is None:
        return None
    boundary: bytes = match[1] if match[2] is None else match[2]
    return boundary if _BOUNDARY.fullmatch(boundary) else None


def parts_of(body: bytes | bytearray, boundary: bytes) -> list[Part] | str:
    """The parts in their order, or what is wrong."""
    opening = b"--" + boundary
    delimiter = b"\r\n" + opening
    if not body.startswith(opening):
        return "It has to begin with its boundary."
    found: list[Part] = []
    at = len(opening)
    while not body.startswith(b"--", at):
        if not body.startswith(b"\r\n", at):
            return "Something that looks like the boundary is none."
        if len(found) == MOST_PARTS:
            return f"It has more than {MOST_PARTS} parts."
        start = at + 2
        end = body.find(delimiter, start)
        if end < 0:
            return "It has to end with its boundary."
        part = _part(body, start, end)
        if isinstance(part, str):
            return f"Part {len(found) + 1}: {part}"
        found.append(part)
        at = end + len(delimiter)
    if not found:
        return "It has no parts."
    return found if bytes(body[at + 2 : at + 5]) in (b"", b"\r\n") else "Something stands behind its last boundary."


def _part(body: bytes | bytearray, start: int, end: int) -> Part | str:
    head_end = body.find(b"\r\n\r\n", start, min(end, start + _LONGEST_HEAD))
    if head_end < 0:
        return "its head has no end, or is too long."
    fields = _fields_of(bytes(body[start:head_end]))
    if isinstance(fields, str):
        return fields
    with memoryview(body) as whole:  # a file is as large as the body; it is copied once
        content = bytearray(whole[head_end + 4 : end])
    stated = fields.get(b"content-length")
    if stated is not None and stated != b"%d" % len(content):
        return "it is not as long as it says."
    if fields.get(b"content-type", b"").lower().startswith((b"multipart", b"message")):
        return "it has parts of its own."
    parameters = _parameters_of(fields.get(b"content-disposition", b""))
    name = None if parameters is None else parameters.get(b"name")
    if parameters is None or name is None or not name.isascii():
        return "its content-disposition does not say in one way whose value it is."
    return Part(name.decode("ascii"), content, is_file=len(parameters) > 1)


def _fields_of(head: bytes) -> dict[bytes, bytes] | str:
    lines = head.split(b"\r\n")
    fields: dict[bytes, bytes] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        name = b"" if match is None else match[1].lower()
        if match is None or name in fields or len(fields) == _MOST_FIELDS:
            return "a field of its head is malformed or stands twice."
        if name not in _FIELDS:
            return "its head has a field other than content-disposition, content-type and content-length."
        fields[name] = match[2].rstrip(b" \t")
    return fields


def _parameters_of(disposition: bytes) -> dict[bytes, bytes] | None:
    match = _FORM_DATA.match(disposition)
    found: dict[bytes, bytes] = {}
    while match is not None and match.end() < len(disposition):
        match = _PARAMETER.match(disposition, match.end())
        if match is not None:
            name = match[1].lower()
            if name in found or name not in _PARAMETERS:
                return None
            found[name] = match[2] if match[3] is None else match[3]
    return found if match is not None else None
