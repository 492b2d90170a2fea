"""Structured fields (RFC 8941) as signatures need them, read strictly: dictionaries of inner lists and byte sequences.

There is one reading or none. What is read is written again in exactly one way (`write_list`), which is what a signature
covers; so a field that was spelled otherwise than its serialisation has the same meaning for signer and verifier. Left
out are decimals and dates, which no parameter of a signature has. A key that stands twice is refused here, where the
RFC takes the last one: two readers that differ are what an attacker looks for.
"""

import base64
import re
from typing import Final

import msgspec

Bare = int | str | bool | bytes | None

_KEY: Final = re.compile(r"[a-z*][a-z0-9_.*-]*")
_INTEGER: Final = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_STRING: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_TOKEN: Final = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_BYTES: Final = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_BOOLEAN: Final = re.compile(r"\?([01])")
_COMMA: Final = re.compile(r"[ \t]*,[ \t]*")
_MOST_MEMBERS: Final = 32
_LONGEST: Final = 8192


class Token(str):
    """A word that is no string: written without quotation marks."""

    __slots__ = ()


Parameters = tuple[tuple[str, Bare], ...]


class Item(msgspec.Struct, frozen=True):
    value: Bare
    parameters: Parameters = ()


class InnerList(msgspec.Struct, frozen=True):
    items: tuple[Item, ...]
    parameters: Parameters = ()


class _MalformedError(Exception):
    """Ends the reading of a field; never leaves this file."""


def read_dictionary(field: bytes) -> dict[str, Item | InnerList] | None:
    """None if it is not one, in one reading."""
    try:
        text = field.decode("ascii")
        if len(text) > _LONGEST:
            return None
        return _Reader(text.strip(" ")).dictionary()
    except (UnicodeDecodeError, _MalformedError):
        return None


def write_list(inner: InnerList) -> str:
    items = " ".join(_write(item.value) + _write_parameters(item.parameters) for item in inner.items)
    return f"({items}){_write_parameters(inner.parameters)}"


def write_item(item: Item) -> str:
    return _write(item.value) + _write_parameters(item.parameters)


def _write_parameters(parameters: Parameters) -> str:
    return "".join(f";{key}" if value is True else f";{key}={_write(value)}" for key, value in parameters)


def _write(value: Bare) -> str:
    if isinstance(value, bool):
        return "?1" if value else "?0"
    if isinstance(value, bytes):
        return f":{base64.b64encode(value).decode()}:"
    if isinstance(value, Token):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def dictionary(self) -> dict[str, Item | InnerList]:
        members: dict[str, Item | InnerList] = {}
        while self._at < len(self._text):
            key = self._take(_KEY)
            if key in members or len(members) >= _MOST_MEMBERS:
                raise _MalformedError
            if self._next("="):
                members[key] = self._inner_list() if self._peek("(") else Item(self._bare(), self._parameters())
            else:
                members[key] = Item(True, self._parameters())
            if self._at == len(self._text):
                return members
            self._take(_COMMA)
            if self._at == len(self._text):
                raise _MalformedError  # a comma with nothing behind it
        return members

    def _inner_list(self) -> InnerList:
        self._at += 1
        items: list[Item] = []
        while True:
            blank = self._blank()
            if self._next(")"):
                return InnerList(tuple(items), self._parameters())
            if (items and not blank) or len(items) >= _MOST_MEMBERS:
                raise _MalformedError
            items.append(Item(self._bare(), self._parameters()))

    def _parameters(self) -> Parameters:
        found: dict[str, Bare] = {}
        while self._next(";"):
            self._blank()
            key = self._take(_KEY)
            if key in found or len(found) >= _MOST_MEMBERS:
                raise _MalformedError
            found[key] = self._bare() if self._next("=") else True
        return tuple(found.items())

    def _bare(self) -> Bare:
        first = self._text[self._at : self._at + 1]
        if first == '"':
            return re.sub(r"\\(.)", r"\1", self._take(_STRING)[1:-1])
        if first == ":":
            return self._bytes()
        if first == "?":
            return self._take(_BOOLEAN) == "?1"
        if first == "-" or first.isdigit():
            return int(self._take(_INTEGER))
        return Token(self._take(_TOKEN))

    def _bytes(self) -> bytes:
        encoded = self._take(_BYTES)[1:-1]
        try:
            value = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise _MalformedError from None
        if base64.b64encode(value).decode() != encoded:
            raise _MalformedError  # bits beyond the end
        return value

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _MalformedError
        self._at = match.end()
        return match.group()

    def _blank(self) -> bool:
        begin = self._at
        while self._peek(" "):
            self._at += 1
        return self._at > begin

    def _peek(self, letter: str) -> bool:
        return self._text.startswith(letter, self._at)

    def _next(self, letter: str) -> bool:
        found = self._peek(letter)
        self._at += found
        return found
