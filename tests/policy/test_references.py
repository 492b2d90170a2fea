from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.secret import Secret
from guardhouse.policy.references import Reference, parse_reference, resolve

ENV = Reference("env", "KEY")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("${env:KEY}", Reference("env", "KEY")),
        ("${file:/run/secrets/key}", Reference("file", "/run/secrets/key")),
        ("${file:a b}", Reference("file", "a b")),
    ],
)
def test_references_are_read(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk-live",
        "$KEY",
        "${KEY}",
        "${env:}",
        "${env:A B}",
        "${env:1A}",
        "${env:A}x",
        " ${env:A}",
        "${env:${env:A}}",
        "${vault:x}",
        "${file:a\nb}",
        "${file:a}\n",
    ],
)
def test_anything_else_is_no_reference(text: str) -> None:
    assert parse_reference(text) is None


def test_a_variable_is_fetched(tmp_path: Path) -> None:
    assert resolve(ENV, tmp_path, {"KEY": "value"}) == Secret("value")


def test_a_file_is_fetched_relative_to_the_configuration_and_without_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"value\r\n")
    assert resolve(Reference("file", "key"), tmp_path, {}) == Secret("value")
    assert resolve(Reference("file", str(tmp_path / "key")), Path("/nowhere"), {}) == Secret("value")


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "tab\t", "é", "\x00", " padded "])
def test_what_could_break_a_header_is_refused_and_not_repeated(value: str, tmp_path: Path) -> None:
    outcome = resolve(ENV, tmp_path, {"KEY": value})
    assert isinstance(outcome, str)
    assert value not in outcome


def test_a_missing_variable_and_an_empty_one_are_told_apart(tmp_path: Path) -> None:
    assert resolve(ENV, tmp_path, {}) == "the environment variable KEY is not set"
    assert resolve(ENV, tmp_path, {"KEY": ""}) == "the environment variable KEY is empty"


def test_files_that_are_no_credential_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_text("x" * 20_000)
    (tmp_path / "folder").mkdir()
    assert resolve(Reference("file", "empty"), tmp_path, {}) == "the file empty is empty"
    assert resolve(Reference("file", "large"), tmp_path, {}) == "the file large is too large to be a credential"
    assert resolve(Reference("file", "none"), tmp_path, {}) == "the file none cannot be read: No such file or directory"
    assert resolve(Reference("file", "folder"), tmp_path, {}) == "the file folder cannot be read: Is a directory"


@given(st.text(max_size=20))
def test_whatever_the_value_it_is_wrapped_or_refused(value: str) -> None:
    outcome = resolve(ENV, Path("/nowhere"), {"KEY": value})
    if isinstance(outcome, Secret):
        assert outcome.reveal() == value
        assert value.isascii()
        assert value.isprintable()
