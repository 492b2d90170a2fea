"""How a request for a narrower token is read (RFC 8693)."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.control.token_exchange import (
    ACCESS_TOKEN,
    GRANT_TYPE,
    Asked,
    OAuthError,
    read_form,
    read_request,
    read_scope,
    show_scope,
)
from guardhouse.model.operation import OF_ACCESS, Operation
from guardhouse.model.principal import Narrowing

GOOD = {"grant_type": GRANT_TYPE, "subject_token": "gh_key", "subject_token_type": ACCESS_TOKEN}


def test_the_least_request_narrows_nothing() -> None:
    asked = read_request(GOOD)
    assert isinstance(asked, Asked)
    assert (asked.narrowing, asked.lifetime, asked.subject.reveal()) == (None, None, "gh_key")
    assert "gh_key" not in repr(asked)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("", None),
        ("chat", Narrowing(frozenset({Operation.CHAT}))),
        ("chat embeddings", Narrowing(frozenset({Operation.CHAT, Operation.EMBEDDINGS}))),
        ("infer", Narrowing(frozenset(OF_ACCESS["infer"]))),
        ("model:small", Narrowing(None, frozenset({"small"}))),
        (
            "models.read model:small model:org/large",
            Narrowing(frozenset({Operation.MODELS_READ}), frozenset({"small", "org/large"})),
        ),
    ],
)
def test_scopes_are_operations_kinds_of_access_and_models(scope: str, expected: Narrowing | None) -> None:
    assert read_scope(scope) == expected


@pytest.mark.parametrize(
    "scope", ["fly", "Chat", "chat  infer", " chat", "model:", "model:*", "model:a b", "model:-", "chat,infer", "*"]
)
def test_a_scope_that_means_nothing_is_an_error_and_not_left_out(scope: str) -> None:
    found = read_scope(scope)
    assert isinstance(found, OAuthError)
    assert found.error == "invalid_scope"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": None}, "invalid_request"),
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token": "ü.ü.ü"}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"unknown": "x"}, "invalid_request"),
        ({"audience": "another"}, "invalid_target"),
        ({"resource": "https://example.com"}, "invalid_target"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"lifetime": "0"}, "invalid_request"),
        ({"lifetime": "-5"}, "invalid_request"),
        ({"lifetime": "1.5"}, "invalid_request"),
        ({"lifetime": "9" * 30}, "invalid_request"),
    ],
)
def test_what_cannot_be_done_is_said_in_the_words_of_oauth(change: dict[str, str | None], error: str) -> None:
    form = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    found = read_request(form)
    assert isinstance(found, OAuthError)
    assert found.error == error


def test_a_form_is_read_as_it_was_written() -> None:
    assert read_form(urlencode(GOOD).encode()) == GOOD


@pytest.mark.parametrize(
    "body", [b"scope=chat&scope=infer", b"{}", b"scope", b"a=\xff", b"&".join(b"a%d=1" % n for n in range(30))]
)
def test_a_form_with_two_readings_is_none(body: bytes) -> None:
    found = read_form(body)
    assert isinstance(found, OAuthError)
    assert found.error == "invalid_request"


def test_a_parameter_without_a_value_counts_as_left_out() -> None:
    assert read_form(b"scope=&lifetime=60") == {"lifetime": "60"}


@given(st.binary(max_size=200))
def test_whatever_arrives_is_read_or_refused(body: bytes) -> None:
    form = read_form(body)
    assert isinstance(form if isinstance(form, OAuthError) else read_request(form), OAuthError)


@given(
    st.frozensets(st.sampled_from(Operation), min_size=1) | st.none(),
    st.frozensets(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,20}", fullmatch=True), min_size=1, max_size=5)
    | st.none(),
)
def test_the_scope_that_is_answered_means_what_was_granted(
    operations: frozenset[Operation] | None, models: frozenset[str] | None
) -> None:
    narrowing = None if operations is None and models is None else Narrowing(operations, models)
    assert read_scope(show_scope(narrowing)) == narrowing
