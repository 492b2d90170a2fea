"""Secrets by reference: where a credential is, and fetching it from there.

A configuration says `${env:NAME}` or `${file:/path}` and never the value, so it can be kept, shown and diffed. A value
is fetched once while loading and wrapped at once; no message tells any part of it, only what is wrong with it. It goes
into a header, so it must be printable ASCII in one piece; a newline at the end of a file is not part of it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from guardhouse.model.secret import Secret

REFERENCE_PATTERN = r"\$\{(env|file):([^{}\x00-\x1f\x7f]+)\}"

_REFERENCE = re.compile(REFERENCE_PATTERN)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE = re.compile(r"[\x21-\x7e]+")
_MOST_BYTES = 16 * 1024


class Reference(msgspec.Struct, frozen=True):
    kind: Literal["env", "file"]
    name: str

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"


def parse_reference(text: str) -> Reference | None:
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return None
    if match[1] == "file":
        return Reference("file", match[2])
    return Reference("env", match[2]) if _VARIABLE.fullmatch(match[2]) else None


def resolve(reference: Reference, base: Path, environ: Mapping[str, str]) -> Secret | str:
    """The secret that is meant, or why there is none; a relative file is relative to `base`."""
    if reference.kind == "env":
        value = environ.get(reference.name)
        if value is None:
            return f"the environment variable {reference.name} is not set"
        return _wrap(value, f"the environment variable {reference.name}")
    try:
        with (base / reference.name).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        return f"the file {reference.name} cannot be read: {error.strerror}"
    if len(content) > _MOST_BYTES:
        return f"the file {reference.name} is too large to be a credential"
    return _wrap(content.decode("latin-1").rstrip("\r\n"), f"the file {reference.name}")


def _wrap(value: str, where: str) -> Secret | str:
    if not value:
        return f"{where} is empty"
    if not _VALUE.fullmatch(value):
        return f"{where} holds something that no credential can: a blank, a control character or non-ASCII"
    return Secret(value)
