import json
from typing import Any

import pytest

from guardhouse.policy.contracts.succession import succession
from guardhouse.policy.document import Document
from guardhouse.policy.sections.contracts import ContractEntry, SchemaEntry

LOOSE = {"maxLength": 9}
TIGHT = {"maxLength": 5}
UNCLEAR = {"not": {"const": "x"}}


def document(version: str, request: Any = None, response: Any = None, **more: Any) -> Document:
    sides = [None if said is None else SchemaEntry(schema=json.dumps(said)) for said in (request, response)]
    contract = ContractEntry(version=version, request=sides[0], response=sides[1], **more)
    return Document(targets={}, models={}, policies=(), contracts={"talk": contract})


def said(old: Document, new: Document) -> list[tuple[Any, ...]]:
    return [place for place, _ in succession(old, new)]


REQUEST = ("contracts", "talk", "request", "schema", "maxLength")


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        (document("1.0", TIGHT), document("1.0", TIGHT), []),
        (document("1.0", TIGHT), document("1.1", LOOSE), []),
        (document("1.0", TIGHT), document("1.9", TIGHT), []),
        (document("1.0", LOOSE), document("1.1", TIGHT), [REQUEST]),
        (document("1.0"), document("1.1", TIGHT), [REQUEST]),
        (document("1.0", TIGHT), document("1.1"), []),
        (document("1.0", LOOSE), document("2.0", TIGHT), []),
        (document("1.0", LOOSE), document("1.1", TIGHT, compatible="accepted"), []),
        (document("1.0", LOOSE), document("1.1", UNCLEAR), [("contracts", "talk", "request", "schema", "not")]),
        (document("1.0", TIGHT), document("1.0", LOOSE), [("contracts", "talk", "version")]),
        (document("1.0", TIGHT), document("1.0", LOOSE, compatible="accepted"), [("contracts", "talk", "version")]),
        (document("1.10", TIGHT), document("1.9", TIGHT), [("contracts", "talk", "version")]),
        (document("2.0", TIGHT), document("1.9", LOOSE), [("contracts", "talk", "version")]),
        (document("1.0", None, LOOSE), document("1.1", None, TIGHT), []),
        (document("1.0", None, TIGHT), document("1.1", None, LOOSE), [("contracts", "talk", "response", "schema")]),
        (document("1.0", None, TIGHT), document("1.1"), [("contracts", "talk", "response")]),
    ],
)
def test_a_contract_follows_another_only_if_it_keeps_what_that_one_promises(
    old: Document, new: Document, places: list[Any]
) -> None:
    assert said(old, new) == places


def test_a_contract_that_is_new_or_gone_follows_nothing() -> None:
    none = Document(targets={}, models={}, policies=())
    assert said(none, document("1.0", TIGHT)) == said(document("1.0", TIGHT), none) == []
