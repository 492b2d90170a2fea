"""The scalar kinds of the configuration: words, names, durations, sizes, rates, addresses, URLs, references.

Messages may quote what stands in the file only where the value cannot be a secret by mistake: words from a list,
figures with units, and names of things. A URL and a credential are never quoted: in either of them, somebody has put a
password before.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import TypeVar

from guardhouse.limits.rate import RATE_PATTERN, Rate, parse_rate
from guardhouse.policy.network import ADDRESS_PATTERN, Url, parse_address, parse_url
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.reading import UNREAD, Kind, Reading, Schema, Unread
from guardhouse.policy.references import REFERENCE_PATTERN, Reference, parse_reference
from guardhouse.policy.settings import Address, UserLabel
from guardhouse.policy.source import Node, Scalar
from guardhouse.policy.units import DURATION_PATTERN, SIZE_PATTERN, parse_duration, parse_size, show_duration, show_size

T = TypeVar("T")


class Flag(Kind[bool]):
    def read(self, node: Node, path: Path, reading: Reading) -> bool | Unread:
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        return reading.mistyped(node, path, "true or false")

    def schema(self) -> Schema:
        return {"type": "boolean"}


class Whole(Kind[int]):
    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most

    def read(self, node: Node, path: Path, reading: Reading) -> int | Unread:
        if not isinstance(node, Scalar) or not isinstance(node.value, int) or isinstance(node.value, bool):
            return reading.mistyped(node, path, "a whole number")
        if self._least <= node.value <= self._most:
            return node.value
        return reading.tell(node.line, path, f"must be between {self._least} and {self._most}, not {node.value}")

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self._least, "maximum": self._most}


class Exactly(Kind[int]):
    """The one number that this release knows."""

    def __init__(self, number: int) -> None:
        self._number = number

    def read(self, node: Node, path: Path, reading: Reading) -> int | Unread:
        if isinstance(node, Scalar) and type(node.value) is int and node.value == self._number:
            return node.value
        return reading.tell(node.line, path, f"must be {self._number}, the only one that this release reads")

    def schema(self) -> Schema:
        return {"const": self._number}


class Choice(Kind[T]):
    """One of some words."""

    def __init__(self, what: str, words: Mapping[str, T]) -> None:
        self._what = what
        self._words = words

    def read(self, node: Node, path: Path, reading: Reading) -> T | Unread:
        word = _text(node, path, reading)
        if isinstance(word, Unread):
            return UNREAD
        if word in self._words:
            return self._words[word]
        return reading.unknown(node.line, path, self._what, word, self._words)

    def schema(self) -> Schema:
        return {"enum": list(self._words)}

    def show(self, value: T) -> str:
        return next(word for word, meaning in self._words.items() if meaning == value)


class Text(Kind[str]):
    """Text of one form, taken as it is."""

    def __init__(self, pattern: str, wanted: str) -> None:
        self._pattern = re.compile(pattern)
        self._wanted = wanted

    def read(self, node: Node, path: Path, reading: Reading) -> str | Unread:
        text = _text(node, path, reading)
        if isinstance(text, Unread) or self._pattern.fullmatch(text):
            return text
        return reading.tell(node.line, path, f"{quote(text)} is not {self._wanted}")

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{self._pattern.pattern}$"}


class Figure(Kind[T]):
    """Text with a meaning of its own; `parse` says None to what is not of this kind."""

    def __init__(self, parse: Callable[[str], T | None], show: Callable[[T], str], pattern: str, wanted: str) -> None:
        self._parse = parse
        self._show = show
        self._pattern = pattern
        self._wanted = wanted

    def read(self, node: Node, path: Path, reading: Reading) -> T | Unread:
        if isinstance(node, Scalar) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return reading.tell(node.line, path, f"{node.value} is not {self._wanted}")
        text = _text(node, path, reading)
        if isinstance(text, Unread):
            return UNREAD
        value = self._parse(text)
        if value is None:
            return reading.tell(node.line, path, f"{quote(text)} is not {self._wanted}")
        return value

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{self._pattern}$"}

    def show(self, value: T) -> str:
        return self._show(value)


class File(Kind[FilePath]):
    """The path of a file or folder."""

    def read(self, node: Node, path: Path, reading: Reading) -> FilePath | Unread:
        text = _text(node, path, reading)
        if isinstance(text, Unread):
            return UNREAD
        if re.fullmatch(_FILE, text):
            return FilePath(text)
        return reading.tell(node.line, path, f"{quote(text)} is not a path")

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{_FILE}$"}

    def show(self, value: FilePath) -> str:
        return f"./{value}"


class Location(Kind[Url]):
    """The URL of a model server; never quoted."""

    def read(self, node: Node, path: Path, reading: Reading) -> Url | Unread:
        text = _text(node, path, reading)
        if isinstance(text, Unread):
            return UNREAD
        url = parse_url(text)
        return reading.tell(node.line, path, url) if isinstance(url, str) else url

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^https?://[^@?#\s]+$"}


class Credential(Kind[Reference]):
    """Where a credential is to be found; never quoted, because what stands there may be the credential."""

    def read(self, node: Node, path: Path, reading: Reading) -> Reference | Unread:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            reference = parse_reference(node.value)
            if reference is not None:
                return reference
        wanted = "must be a reference, ${env:NAME} or ${file:/path}; a credential itself has no place in this file"
        return reading.tell(node.line, path, wanted)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{REFERENCE_PATTERN}$"}


def _text(node: Node, path: Path, reading: Reading) -> str | Unread:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.value
    return reading.mistyped(node, path, "text")


def _parse_label(text: str) -> UserLabel | None:
    if text == "id":
        return UserLabel("id")
    if text == "none":
        return UserLabel("none")
    match = re.fullmatch(_BUCKETS, text)
    return UserLabel("bucket", int(match[1])) if match else None


_BUCKETS = r"bucket:([1-9][0-9]{0,4})"
_FILE = r"[^\x00-\x1f\x7f]{1,4096}"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}"

FLAG: Kind[bool] = Flag()
DURATION: Kind[float] = Figure(
    parse_duration,
    show_duration,
    DURATION_PATTERN,
    "a duration; write a whole number and ms, s, m, h or d, such as 10s",
)
SIZE: Kind[int] = Figure(
    parse_size, show_size, SIZE_PATTERN, "a size; write a whole number and B, KiB, MiB or GiB, such as 32KiB"
)
RATE: Kind[Rate] = Figure(
    parse_rate, str, RATE_PATTERN, "a rate; write an amount per s, min, h or day, such as 60/min or 200k/day"
)
ADDRESS: Kind[Address] = Figure(
    parse_address, str, ADDRESS_PATTERN, "an address; write host:port, such as 127.0.0.1:8080 or [::1]:8080"
)
USER_LABEL: Kind[UserLabel] = Figure(
    _parse_label, str, f"(id|none|{_BUCKETS})", "a user label; write id, none or bucket:N, such as bucket:64"
)
ZONE: Kind[str] = Text(
    r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}", "a time zone; write one such as Europe/Berlin or UTC"
)
FILE: Kind[FilePath] = File()
TARGET_NAME: Kind[str] = Text(
    rf"(?!region:){_NAME}",
    "a name; use letters, digits and . _ : / @ + -, at most 128, a letter or digit first, not region:",
)
ROUTE: Kind[str] = Text(
    rf"(region:[A-Za-z_][A-Za-z0-9_-]{{0,63}}|(?!region:){_NAME})",
    "the name of a target, or region: and the name of a region or jurisdiction",
)
MODEL_NAME: Kind[str] = Text(
    rf"(?!tag:){_NAME}",
    "a name; use letters, digits and . _ : / @ + -, at most 128, a letter or digit first and tag: nowhere at the start",
)
MODEL_GLOB: Kind[str] = Text(
    r"[A-Za-z0-9._:/@+*?-]{1,192}",
    "a model name or pattern; use letters, digits and . _ : / @ + -, with * and ? as wild",
)
VERSION: Kind[str] = Text(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", "a version; use letters, digits and . _ + -, at most 64")
TAG: Kind[str] = Text(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", "a tag; use letters, digits and . _ + -, at most 64")
SECTION_NAME: Kind[str] = Text(
    r"[A-Za-z_][A-Za-z0-9_-]{0,63}", "a name; use letters, digits, _ and -, a letter first, at most 64"
)
ATTRIBUTE: Kind[str] = Text(
    r"[A-Za-z_][A-Za-z0-9_./:-]{0,127}", "the name of an attribute; use letters, digits and . _ / : -, a letter first"
)
ATTRIBUTE_VALUE: Kind[str] = Text(
    r"[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,126}[^\s\x00-\x1f\x7f])?",
    "the value of an attribute; one is at most 128 characters, with no blank at either end",
)
UPSTREAM_NAME: Kind[str] = Text(r"[\x21-\x7e]{1,256}", "a name; use printable ASCII without blanks, at most 256")
POLICY_NAME: Kind[str] = Text(
    r"(?! )(?!.* $)[ !#-9;-\[\]-~]{1,64}",
    "a policy name; use printable ASCII except quotes, backslash and colon, at most 64",
)
PRINCIPAL: Kind[str] = Text(
    r"(\*|[^\s*\x00-\x1f\x7f]{1,128})", 'an id; one has no blanks, and "*" stands alone for everybody'
)
GROUP: Kind[str] = Text(
    r"[^\s*\x00-\x1f\x7f]{1,128}", 'a group; one has no blanks, and everybody is said as ids: ["*"]'
)
