"""How an issuer is written: names of claims, and what is filled in."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.identity.issuers import Claims, Requirement, Source
from guardhouse.policy.sections.issuers import (
    ClaimsEntry,
    IssuerEntry,
    KeysEntry,
    parse_claim,
    resolved_issuer,
    show_claim,
)

BASE = Path("/etc/guardhouse")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("groups", ("groups",)),
        ("https://example.com/groups", ("https://example.com/groups",)),
        ("kubernetes.io", ("kubernetes.io",)),
        ("/realm_access/roles", ("realm_access", "roles")),
        ("/kubernetes.io/serviceaccount/name", ("kubernetes.io", "serviceaccount", "name")),
        ("/a~1b/c~0d", ("a/b", "c~d")),
        ("/a~01", ("a~1",)),
        ("/", ("",)),
        ("/a~2", None),
        ("/a~", None),
        ("", None),
        ("a\nb", None),
    ],
)
def test_a_claim_is_a_name_or_a_pointer(text: str, path: tuple[str, ...] | None) -> None:
    assert parse_claim(text) == path


@given(
    st.lists(st.text(st.characters(min_codepoint=32, exclude_characters="\x7f"), max_size=12), min_size=1, max_size=4)
)
def test_a_path_that_is_shown_is_read_as_itself(path: list[str]) -> None:
    claim = tuple(path)
    shown = show_claim(claim)
    assert parse_claim(shown) == claim or not shown


def entry(**members: object) -> IssuerEntry:
    return IssuerEntry(audience=("g",), **members)  # type: ignore[arg-type]


def test_keys_are_discovered_from_the_issuer_whether_or_not_it_ends_in_a_slash() -> None:
    for url in ("https://login.example.com", "https://login.example.com/"):
        made = resolved_issuer("corp", entry(issuer=url), BASE)
        assert made.issuer == url
        assert made.source == Source(discovery="https://login.example.com/.well-known/openid-configuration")


def test_files_are_absolute_from_the_folder_of_the_configuration() -> None:
    keys = KeysEntry(file=Path("keys.json"))
    assert resolved_issuer("corp", entry(issuer="x", keys=keys), BASE).source == Source(jwks_file=BASE / "keys.json")
    keys = KeysEntry(jwks="https://x/keys", authorities=Path("ca.pem"), token_file=Path("/run/token"))
    assert resolved_issuer("corp", entry(issuer="x", keys=keys), BASE).source == Source(
        jwks="https://x/keys", authorities=BASE / "ca.pem", token_file=Path("/run/token")
    )


def test_what_is_written_goes_before_the_preset_and_attributes_add_to_it() -> None:
    claims = ClaimsEntry(id=("email",), groups=("teams",), attributes={"actor": ("actor",), "ref": ("ref_path",)})
    made = resolved_issuer("ci", entry(kind="gitlab", claims=claims), BASE).claims
    assert (made.id, made.groups, made.roles) == (("email",), ("teams",), None)
    assert made.attributes["actor"] == ("actor",)
    assert made.attributes["ref"] == ("ref_path",)
    assert made.attributes["project_path"] == ("project_path",)


@pytest.mark.parametrize(
    ("kind", "prefix", "expected"),
    [("oidc", None, "corp:"), ("oidc", "", ""), ("oidc", "x-", "x-"), ("spiffe", None, "")],
)
def test_ids_begin_with_the_issuers_name_unless_something_else_is_said(
    kind: str, prefix: str | None, expected: str
) -> None:
    assert resolved_issuer("corp", entry(kind=kind, issuer="x", prefix=prefix), BASE).prefix == expected


def test_requirements_are_by_path() -> None:
    made = resolved_issuer("corp", entry(issuer="x", require={"/a/b": ("1", "2*")}, strong={"amr": ("mfa",)}), BASE)
    assert made.require == (Requirement(("a", "b"), ("1", "2*")),)
    assert made.strong == (Requirement(("amr",), ("mfa",)),)


def test_people_have_groups_by_default_and_workloads_do_not() -> None:
    assert resolved_issuer("corp", entry(issuer="x"), BASE).claims == Claims(
        groups=("groups",), roles=("roles",), scopes=("scope",)
    )
    assert resolved_issuer("pods", entry(kind="kubernetes", issuer="x"), BASE).claims.groups is None
