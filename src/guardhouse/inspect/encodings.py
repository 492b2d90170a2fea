"""Text hidden in text: what a model would decode and a search would not see.

`decoded` finds runs that may be base64 (both alphabets, with or without padding, broken over lines), hexadecimal,
percent-encoded or written in escapes, and returns what they say, if that is text. What was decoded is looked at once
more, to a depth of two. The work is bounded: `_MOST_BYTES` of candidates are taken from a text, however many there are,
and nothing that is decoded is longer than what it was decoded from, so nothing can be blown up.
"""

import base64
import binascii
import re
import urllib.parse
from collections.abc import Callable, Iterator

_MOST_BYTES = 64 * 1024
_DEPTH = 2

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[ :]?){8,}")
_PERCENT = re.compile(r"(?:[A-Za-z0-9._+-]{0,16}%[0-9A-Fa-f]{2}){2,}[A-Za-z0-9._+-]{0,16}")
_ESCAPES = re.compile(r"(?:\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}){2,}")
_ESCAPE = re.compile(r"\\[ux]([0-9A-Fa-f]+)")
_NOT_HEX = re.compile(r"[^0-9A-Fa-f]")


def _text(raw: bytes) -> str:
    """What the bytes say, or nothing if they are not text."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ""
    printable = sum(1 for character in text if character.isprintable() or character in "\r\n\t")
    return text if len(text) >= 4 and printable == len(text) else ""


def _from_base64(run: str) -> str:
    compact = run.replace("\r", "").replace("\n", "").rstrip("=").replace("-", "+").replace("_", "/")
    usable = len(compact) - (1 if len(compact) % 4 == 1 else 0)
    compact = compact[:usable] + "=" * (-usable % 4)
    try:
        return _text(base64.b64decode(compact))
    except binascii.Error:
        return ""


def _from_hex(run: str) -> str:
    digits = _NOT_HEX.sub("", run)
    return _text(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _from_percent(run: str) -> str:
    return _text(urllib.parse.unquote_to_bytes(run))


def _from_escapes(run: str) -> str:
    units = [int(code, 16) for code in _ESCAPE.findall(run)]
    return b"".join(unit.to_bytes(2, "little") for unit in units).decode("utf-16-le", "ignore")


_KINDS: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (_HEX, _from_hex),
    (_BASE64, _from_base64),
    (_PERCENT, _from_percent),
    (_ESCAPES, _from_escapes),
)


def _once(text: str) -> Iterator[str]:
    left = _MOST_BYTES
    for pattern, decode in _KINDS:
        for match in pattern.finditer(text):
            run = match[0][:left]
            left -= len(run)
            said = decode(run)
            if said:
                yield said
            if left <= 0:
                return


def decoded(text: str) -> list[str]:
    """Everything that is hidden in `text`, layer by layer."""
    found: list[str] = []
    layer = [text]
    for _ in range(_DEPTH):
        layer = [said for hidden in layer for said in _once(hidden)]
        found += layer
    return found
