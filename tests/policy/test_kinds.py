import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy import kinds
from guardhouse.policy.reading import UNREAD, Kind, Reading
from guardhouse.policy.settings import UserLabel
from guardhouse.policy.source import Node, Scalar, Table

EVERY_KIND: dict[str, Kind[Any]] = {
    name: kind for name, kind in vars(kinds).items() if name.isupper() and isinstance(kind, Kind)
} | {"URL": kinds.Location(), "CREDENTIAL": kinds.Credential(), "VERSION": kinds.Exactly(1)}


def read(kind: Kind[Any], node: Node) -> tuple[object, list[str]]:
    reading = Reading("f")
    return kind.read(node, ("key",), reading), [problem.message for problem in reading.problems]


def test_user_labels_are_id_none_or_buckets() -> None:
    assert read(kinds.USER_LABEL, Scalar("id", 1))[0] == UserLabel("id")
    assert read(kinds.USER_LABEL, Scalar("none", 1))[0] == UserLabel("none")
    assert read(kinds.USER_LABEL, Scalar("bucket:64", 1))[0] == UserLabel("bucket", 64)
    assert read(kinds.USER_LABEL, Scalar("bucket:0", 1))[0] is UNREAD


@pytest.mark.parametrize("name", ["research may chat", "a", "at 100%", "x" * 64, "team/a (eu)"])
def test_policy_names_need_no_escaping_in_a_header(name: str) -> None:
    assert read(kinds.POLICY_NAME, Scalar(name, 1)) == (name, [])


@pytest.mark.parametrize("name", ["", " a", "a ", 'a"b', "a\\b", "a:b", "é", "a\nb", "x" * 65])
def test_other_policy_names_are_refused(name: str) -> None:
    assert read(kinds.POLICY_NAME, Scalar(name, 1))[0] is UNREAD


@pytest.mark.parametrize("name", ["llama-3-8b", "qwen2.5:7b", "meta/llama-3", "a@b", "4o"])
def test_model_names_are_those_in_use(name: str) -> None:
    assert read(kinds.MODEL_NAME, Scalar(name, 1)) == (name, [])


@pytest.mark.parametrize("glob", ["*", "llama-*", "?b", "a[b]"])
def test_a_pattern_is_no_model_name(glob: str) -> None:
    assert read(kinds.MODEL_NAME, Scalar(glob, 1))[0] is UNREAD


def test_everybody_is_an_id_that_stands_alone() -> None:
    assert read(kinds.PRINCIPAL, Scalar("*", 1)) == ("*", [])
    assert read(kinds.PRINCIPAL, Scalar("alice*", 1))[0] is UNREAD
    assert read(kinds.GROUP, Scalar("*", 1))[0] is UNREAD


@pytest.mark.parametrize(
    "node", [Scalar("sk-pa55word", 1), Scalar("${vault:pa55word}", 1), Scalar(55, 1), Table({}, 1)]
)
def test_what_stands_for_a_credential_is_never_repeated(node: Node) -> None:
    value, messages = read(kinds.Credential(), node)
    assert value is UNREAD
    assert len(messages) == 1
    assert "55" not in messages[0]


def test_a_url_is_never_repeated() -> None:
    assert "pa55word" not in "".join(read(kinds.Location(), Scalar("ftp://user:pa55word@a.example", 1))[1])


values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)


@pytest.mark.parametrize("name", sorted(EVERY_KIND))
@given(values)
def test_every_value_is_read_or_told_about_once(name: str, value: str | float | bool | None) -> None:
    read_value, messages = read(EVERY_KIND[name], Scalar(value, 1))
    assert (read_value is UNREAD) == (len(messages) == 1)


@pytest.mark.parametrize("name", sorted(EVERY_KIND))
@given(st.data())
def test_what_is_read_from_text_is_valid_by_the_schema_too(name: str, data: st.DataObject) -> None:
    kind = EVERY_KIND[name]
    pattern = kind.schema().get("pattern")
    text = str(data.draw(st.text(max_size=12) if pattern is None else st.from_regex(pattern) | st.text(max_size=12)))
    if read(kind, Scalar(text, 1))[0] is not UNREAD:
        assert pattern is not None
        assert re.search(pattern, text)
