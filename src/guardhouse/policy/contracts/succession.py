"""May one configuration follow another, as far as its contracts go? Asked where a policy is to be put in force.

Callers have been built against the contract that is in force. So within a major version of it, a new minor version has
to accept every request that the one before it did, and may promise no less of answers; what cannot be proven
(compatible.py) is refused unless somebody says `compatible: accepted` in the contract. A content that changes gets a
new version, and a version does not go back, except by a rollback, which is not asked here: what was in force may be
again.
"""

import json
from collections.abc import Iterator
from typing import Any

from guardhouse.policy.contracts.compatible import unproven
from guardhouse.policy.document import Document
from guardhouse.policy.problem import Path
from guardhouse.policy.sections.contracts import ContractEntry, SchemaEntry
from guardhouse.policy.sections.tensors import accepts_all


def succession(old: Document, new: Document) -> Iterator[tuple[Path, str]]:
    """What speaks against it, by place in the new one."""
    for name, contract in new.contracts.items():
        before = old.contracts.get(name)
        if before is not None:
            yield from ((("contracts", name, *place), message) for place, message in _follows(before, contract))


def _follows(old: ContractEntry, new: ContractEntry) -> Iterator[tuple[Path, str]]:
    was, now = _numbers(old.version), _numbers(new.version)
    same = _schema(old.request) == _schema(new.request) and _schema(old.response) == _schema(new.response)
    same = same and old.inputs == new.inputs and old.outputs == new.outputs
    if now < was:
        yield ("version",), f"is older than {old.version}, which is in force; policy rollback goes back"
    elif same or now[0] > was[0]:
        return
    elif now == was:
        yield ("version",), "stands for other schemas already; give the new ones a new version"
    elif new.compatible == "proven":
        say = "give it a new major version, or say compatible: accepted"
        message = f"is not proven to accept all that {old.version} does; {say}"
        for place in unproven(_schema(old.request), _schema(new.request)):
            yield ("request", *_written(new.request), *place), message
        if not accepts_all(new.inputs, old.inputs):
            yield ("inputs",), message
        message = f"is not proven to promise all that {old.version} does; {say}"
        if unproven(_schema(new.response), _schema(old.response)):
            yield ("response", *_written(new.response)), message
        if not accepts_all(old.outputs, new.outputs):
            yield ("outputs",), message


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def _schema(entry: SchemaEntry | None) -> Any:
    """What is said nothing of accepts everything."""
    return True if entry is None or entry.schema is None else json.loads(entry.schema)


def _written(entry: SchemaEntry | None) -> Path:
    return () if entry is None else ("file",) if entry.file is not None else ("schema",)
