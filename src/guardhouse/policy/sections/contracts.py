"""`contracts`: what a model's requests and answers must look like, as JSON Schema with a name and a version.

A schema stands in the configuration, or in a file whose digest stands there: so a revision names its content, what is
rolled back to is what was in force, and no edit of a file changes what is accepted behind the history's back. A file is
read where the configuration is read, and its content goes on inside of the document.

A version is `major.minor`. A new minor version may only accept more of requests, and promise no less of answers, than
the one before it; policy/contracts/succession.py proves that where a policy is activated.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, Literal

import msgspec

from guardhouse.model.denial import Denial
from guardhouse.model.tensors import Tensors
from guardhouse.policy import kinds
from guardhouse.policy.contracts.lines import line_in
from guardhouse.policy.contracts.schema import faults_in
from guardhouse.policy.problem import Path, Problem, dotted
from guardhouse.policy.reading import UNREAD, Key, Kind, MapOf, Reading, Schema, Shape, Unread
from guardhouse.policy.sections import tensors
from guardhouse.policy.sections.tensors import TENSORS
from guardhouse.policy.source import Broken, Listing, Node, Scalar, Table, line_of
from guardhouse.wire import json as wire_json

_MOST_BYTES = 1024 * 1024


class SchemaEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`schema` is JSON; of a file, once that is read."""

    schema: str | None = None
    file: FilePath | None = None
    digest: str | None = None


class ContractEntry(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    request: SchemaEntry | None = None
    response: SchemaEntry | None = None
    inputs: Tensors | None = None
    outputs: Tensors | None = None
    compatible: Literal["proven", "accepted"] = "proven"


class _Written(Kind[str]):
    """A schema that stands in the configuration."""

    def read(self, node: Node, path: Path, reading: Reading) -> str | Unread:
        if not isinstance(node, Table):
            return reading.mistyped(node, path, "a mapping")
        schema = _plain(node)
        if isinstance(schema, Unread):
            return UNREAD
        faults = faults_in(schema)
        for place, message in faults:
            reading.tell(line_of(node, place), (*path, *place), message)
        return UNREAD if faults else json.dumps(schema, sort_keys=True)

    def schema(self) -> Schema:
        return {"type": "object"}


_SCHEMA = Shape(
    SchemaEntry,
    {
        "schema": Key(_Written(), "The schema itself, JSON Schema 2020-12."),
        "file": Key(kinds.FILE, "A JSON file with the schema, with its digest beside it."),
        "digest": Key(
            kinds.Text(r"sha256:[0-9a-f]{64}", "a digest; write sha256: and 64 digits, as sha256sum prints them"),
            "The digest of the file, so that nothing else is ever taken for it.",
        ),
    },
)
CONTRACT = Shape(
    ContractEntry,
    {
        "version": Key(
            kinds.Text(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})", 'a version; write major and minor, such as "1.0"'),
            "Its version. Within a major version, each one accepts what the one before it did.",
        ),
        "request": Key(_SCHEMA, "What a request must look like."),
        "response": Key(_SCHEMA, "What an answer must look like; answers that flow are refused then."),
        "inputs": Key(TENSORS, "The tensors of a request by name, where the API has tensors; others are refused."),
        "outputs": Key(TENSORS, "The tensors of an answer by name."),
        "compatible": Key(
            kinds.Choice("word", {"proven": "proven", "accepted": "accepted"}),
            "Say accepted to activate a minor version that could not be proven to accept what the last one did.",
        ),
    },
)
CONTRACTS: Kind[dict[str, ContractEntry]] = MapOf(kinds.SECTION_NAME, CONTRACT)


def _plain(node: Node) -> Any:
    if isinstance(node, Broken):
        return UNREAD
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Listing):
        items = [_plain(item) for item in node.items]
        return UNREAD if any(item is UNREAD for item in items) else items
    entries = {name: _plain(entry.node) for name, entry in node.entries.items()}
    return UNREAD if any(value is UNREAD for value in entries.values()) else entries


def findings(contracts: dict[str, ContractEntry], used: set[str]) -> Iterator[tuple[Path, str]]:
    for name, contract in contracts.items():
        if name not in used:
            yield (name,), "no model has this contract"
        if (contract.request, contract.response, contract.inputs, contract.outputs) == (None, None, None, None):
            yield (name,), "says nothing; it needs a request, a response, inputs or outputs"
        yield from (((name, "inputs", *place), message) for place, message in tensors.findings(contract.inputs or {}))
        yield from (((name, "outputs", *place), message) for place, message in tensors.findings(contract.outputs or {}))
        for side in ("request", "response"):
            entry: SchemaEntry | None = getattr(contract, side)
            if entry is None:
                continue
            if entry.schema is None and entry.file is None:
                yield (name, side), "needs a schema or a file"
            elif (entry.file is None) != (entry.digest is None):
                yield (name, side), "a file and its digest belong together"


def embedded(
    contracts: dict[str, ContractEntry], base: FilePath
) -> tuple[dict[str, ContractEntry], list[tuple[Path, str]], list[Problem]]:
    """The contracts with the content of their files; what is wrong with those, in the configuration and in them."""
    found: list[tuple[Path, str]] = []
    problems: list[Problem] = []
    read: dict[str, ContractEntry] = {}
    for name, contract in contracts.items():
        sides: dict[str, SchemaEntry | None] = {}
        for side in ("request", "response"):
            entry: SchemaEntry | None = getattr(contract, side)
            if entry is not None and entry.file is not None and entry.schema is not None:
                found.append(((name, side), "needs a schema or a file, not both"))
            elif entry is not None and entry.file is not None and entry.digest is not None:
                text = _content(base / entry.file, entry.digest)
                if isinstance(text, str):
                    found.append(((name, side, "file"), text))
                else:
                    told = _judge_file(text, str(entry.file))
                    problems += told
                    if not told:
                        schema = json.dumps(json.loads(text), sort_keys=True)
                        entry = msgspec.structs.replace(entry, schema=schema)
            sides[side] = entry
        read[name] = msgspec.structs.replace(contract, **sides)
    return read, found, problems


def _content(file: FilePath, digest: str) -> bytes | str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        return f"the file {file.name} cannot be read: {error.strerror}"
    if len(content) > _MOST_BYTES:
        return f"the file {file.name} is larger than {_MOST_BYTES // 1024} KiB"
    held = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return content if held == digest else f"the file {file.name} has another digest: {held}"


def _judge_file(content: bytes, file: str) -> list[Problem]:
    decoded = wire_json.decode(content)
    if isinstance(decoded, Denial):
        byte = re.search(r"at byte ([0-9]+)", decoded.detail)
        line = content.count(b"\n", 0, int(byte[1])) + 1 if byte else 0
        return [Problem(file, line, "", f"cannot be read as JSON: {decoded.detail or decoded.reason.message}")]
    text = content.decode()
    return [Problem(file, line_in(text, place), dotted(place), message) for place, message in faults_in(decoded[0])]
