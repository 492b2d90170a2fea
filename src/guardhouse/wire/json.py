"""Strict JSON: one document, one reading, or the narrowest reason why not.

Two programs that read the same bytes differently are how a filter is passed by: the gateway judges one reading, the
model server acts on another. So `decode` accepts only what every reader understands alike, and hands back its own
encoding of the document it judged; that, never the caller's bytes, is what goes on. Refused are: anything outside of
RFC 8259 (NaN, trailing commas or bytes, raw control characters), invalid UTF-8, a byte-order mark, lone surrogates,
numbers without a finite representation, nesting beyond MAX_DEPTH, and objects with a key twice. Integers of any
length within Python's own limit for conversions keep every digit; other numbers become the nearest double.

msgspec does the reading and is silent about one thing only: of a repeated key it keeps the last member. That is found
without a second reading, from the document's canonical encoding:

- If the body *is* the canonical encoding, it was written from a dict and has no key twice.
- Otherwise count colons. Each colon of the body is either structural (one for each member) or literal inside a string.
  The canonical encoding has one structural colon for each member that was kept, never escapes a colon, and keeps the
  literal colons of each string that was kept. A dropped member takes at least its structural colon along. So, as long
  as no string of the body spells a colon as an escape (those become literal colons and could fill the gap), the two
  counts are equal exactly when no member was dropped.
- If the body does hold such an escape, the standard library reads it once more and compares the keys of each object.

`tests/wire/test_json.py` holds this against the slow reading for arbitrary documents. Depth is measured by walking the
document, and only if it has more opening brackets than a document of permitted depth needs.

Failures are classified by reading again with the standard library: that costs the sender's share, not everybody's.

What a document costs to judge goes by its parts rather than by its bytes: objects, strings, lists. How many a body may
have, `decode` is told; it is counted before anything is read, and only of a body that is long enough to have more.
"""

import json
from typing import Any, Final

import msgspec

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason

MAX_DEPTH: Final = 64
_FEW: Final = 8  # brackets; from one to the next is a memchr, which is cheaper than counting all of them
_COUNTED_BELOW: Final = 4096  # bytes, where many brackets are counted for less

ANY_NUMBER: Final = 2**53  # of parts
_BYTES_PER_PART: Final = 2  # a part takes more: {"":{}} has three in seven
_LISTS_PER_PART: Final = 4  # a list costs less to judge than what stands in it, and matrices are made of them

_decode: Final = msgspec.json.Decoder().decode
encode: Final = msgspec.json.Encoder().encode


# what CPython needs for a document besides its characters, for each sign that something begins; measured, rounded up
_BEGINS: Final = b'{[:,"'
_PER_SIGN: Final = 64


def weight(encoded: bytes) -> int:
    """What the document of this encoding, its texts and the encoding itself take in memory, or more."""
    signs = len(encoded) - len(encoded.translate(None, _BEGINS))
    widest = 3 if encoded.isascii() else 7  # one wide character makes all of its text wide
    return len(encoded) * widest + signs * _PER_SIGN


def decode(body: bytes | bytearray, most: int = ANY_NUMBER) -> tuple[Any, bytes] | Denial:
    """The document and its canonical encoding, or why there is none; `most` is how many parts it may have."""
    if len(body) > most * _BYTES_PER_PART and _has_more(body, most):
        return too_divided(most)
    try:
        document = _decode(body)
        canonical = encode(document)
    except RecursionError:
        return _TOO_DEEP
    except msgspec.ValidationError:
        return Denial(Reason.JSON_NUMBER)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _explain(bytes(body))
    if _may_be_deep(canonical) and _is_deep(document):
        return _TOO_DEEP
    if body != canonical and _may_repeat_key(body, canonical):
        return _read_slowly(bytes(body)) or (document, canonical)
    return document, canonical


def decode_answer(body: bytes | bytearray) -> tuple[Any, bytes] | None:
    """An answer and its canonical encoding, or None if it cannot be relied on. As strict as for a request but for the
    depth: nothing walks an answer recursively, and msgspec's own bound keeps the stack."""
    try:
        document = _decode(body)
        canonical = encode(document)
    except (RecursionError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if body == canonical or not _may_repeat_key(body, canonical):
        return document, canonical
    if not _has_escaped_colon(body):
        return None  # without such an escape, to have other colons is to have dropped a member
    return None if _read_slowly(bytes(body)) is not None else (document, canonical)


def decode_quietly(body: bytes | bytearray) -> Any | None:
    """The document, read as strictly as `decode` does, or None; for who need not say why, which can cost more."""
    found = decode_answer(body)
    return None if found is None or (_may_be_deep(found[1]) and _is_deep(found[0])) else found[0]


def copied(document: Any) -> Any:
    """The same document once more: objects and lists are new, what cannot be changed is shared. Its depth is bounded
    by whoever has read it."""
    if type(document) is dict:
        return {name: copied(value) for name, value in document.items()}
    if type(document) is list:
        return [copied(value) for value in document]
    return document


_TOO_DEEP: Final = Denial(Reason.JSON_TOO_DEEP, f"At most {MAX_DEPTH} levels of nesting are accepted.")


def too_divided(most: int) -> Denial:
    return Denial(Reason.BODY_TOO_DIVIDED, f"At most {most} are accepted.")


def _has_more(body: bytes | bytearray, most: int) -> bool:
    """Whether it has more parts than `most`: objects, strings (names of members are some), and every fourth list.

    First everything counts that looks like one, also inside of strings. Only where that is too much are the strings
    taken out: once no backslash escapes another, and no quotation mark is escaped, each string has two of these."""
    found = _count(body, b'"', 2 * most + 2) // 2 + _count(body, b"{", most + 1)
    if found + _count(body, b"[", _LISTS_PER_PART * (most + 1)) // _LISTS_PER_PART <= most:
        return False
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    strings = _count(plain, b'"', 2 * most + 2) // 2
    if strings > most:
        return True
    outside = b"".join(plain.split(b'"')[::2])
    return strings + outside.count(b"{") + outside.count(b"[") // _LISTS_PER_PART > most


def _count(body: bytes | bytearray, sign: bytes, enough: int) -> int:
    """How often it stands there, up to `enough`. From sign to sign: most bodies have few for their length."""
    found, at = 0, body.find(sign)
    while at >= 0 and found < enough:
        found += 1
        at = body.find(sign, at + 1)
    return found


def _may_be_deep(canonical: bytes) -> bool:
    found = 0
    for bracket in (b"{", b"["):
        at = canonical.find(bracket)
        while at >= 0:
            found += 1
            if found > MAX_DEPTH:
                return True
            if found == _FEW and len(canonical) < _COUNTED_BELOW:
                return canonical.count(b"{") + canonical.count(b"[") > MAX_DEPTH
            at = canonical.find(bracket, at + 1)
    return False


def _is_deep(document: Any) -> bool:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _may_repeat_key(body: bytes | bytearray, canonical: bytes) -> bool:
    if body.count(b":") != canonical.count(b":"):
        return True
    return _has_escaped_colon(body)


def _has_escaped_colon(body: bytes | bytearray) -> bool:
    return b"\\u003" in body and (b"\\u003a" in body or b"\\u003A" in body)


class _RepeatedKeyError(Exception):
    pass


class _ConstantError(Exception):
    pass


def _unique(pairs: list[tuple[str, object]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise _RepeatedKeyError


def _no_constant(_: str) -> None:
    raise _ConstantError


# keeps nothing of what it reads, so that neither huge numbers nor many members cost more than their characters
_slow: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=len, parse_float=len, parse_constant=_no_constant)


def _read_slowly(body: bytes) -> Denial | None:
    """The exact search for a repeated key in a body that is known to be JSON."""
    try:
        _slow.decode(body.decode())
    except _RepeatedKeyError:
        return Denial(Reason.JSON_DUPLICATE_KEY)
    except RecursionError:
        return _TOO_DEEP
    return None


def _explain(body: bytes) -> Denial:
    """Name what is wrong with a body that msgspec refused."""
    if not body.strip(b" \t\r\n"):
        return Denial(Reason.BODY_MISSING)
    if body.startswith(b"\xef\xbb\xbf"):
        return Denial(Reason.JSON_ENCODING, "The body starts with a byte-order mark.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        return Denial(Reason.JSON_ENCODING, f"Byte {error.start} is not UTF-8.")
    try:
        _slow.decode(text)
    except json.JSONDecodeError as error:
        at = len(text[: error.pos].encode())
        return Denial(Reason.JSON_MALFORMED, f"The first error is at byte {at}.")
    except _ConstantError:
        return Denial(Reason.JSON_MALFORMED, "NaN and Infinity are not JSON.")
    except _RepeatedKeyError:
        return Denial(Reason.JSON_DUPLICATE_KEY)
    except RecursionError:
        return _TOO_DEEP
    return Denial(Reason.JSON_ENCODING, "A string holds half of a surrogate pair.")
