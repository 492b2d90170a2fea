from pathlib import Path

import pytest

from guardhouse.policy.document import Document
from guardhouse.policy.mentions import notes
from guardhouse.policy.schema import decode
from guardhouse.policy.source import parse

CONFIGURATION = b"""\
targets: {local: {kind: openai, url: "http://127.0.0.1:8000"}}
models: {tiny: {targets: [local]}}
policies:
  - {name: a, who: {groups: [research, staff], roles: [lead]}, may: [chat], models: [tiny]}
  - {name: b, who: {teams: [search]}, may: [chat], models: [tiny]}
"""


@pytest.fixture(scope="module")
def document() -> Document:
    decoded = decode(parse(CONFIGURATION, "guardhouse.yaml").root, str(Path("guardhouse.yaml")))
    assert decoded.document is not None
    return decoded.document


def test_words_that_policies_name_are_not_noted(document: Document) -> None:
    assert list(notes(document, groups=("research", "staff"), roles=("lead",), teams=("search",))) == []


def test_a_word_that_is_nearly_one_of_theirs_is_noted_with_it(document: Document) -> None:
    assert list(notes(document, groups=("reserch",))) == [
        'no policy names the group "reserch"; did you mean "research"?'
    ]


def test_each_kind_of_word_is_looked_for_among_its_own(document: Document) -> None:
    assert list(notes(document, groups=("search",), roles=("xyz",), teams=("lead",))) == [
        'no policy names the group "search"; did you mean "research"?',
        'no policy names the role "xyz"',
        'no policy names the team "lead"',
    ]
