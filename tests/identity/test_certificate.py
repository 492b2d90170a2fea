from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.identity.certificate import Certified, read_certificate
from guardhouse.identity.clients import Clients, Naming
from identity.authority import CLIENT, SERVER, SPIFFE, Authority, Issued, name_of, usage

AUTHORITY = Authority()
NOWHERE = Path("nowhere.pem")


def clients(name: Naming = "san_uri", trust_domain: str | None = None) -> Clients:
    return Clients(authorities=NOWHERE, name=name, trust_domain=trust_domain, groups=("workloads",))


def read(issued: Issued, **rules: str) -> Certified:
    return read_certificate(issued.der, clients(**rules))  # type: ignore[arg-type]


def test_a_workload_is_known_by_its_spiffe_id_and_by_what_is_attested_of_it() -> None:
    issued = AUTHORITY.issue(SPIFFE, "agent.example.org", subject=name_of("agent", organization="Example", unit="ops"))
    principal = read(issued, trust_domain="example.org").principal
    assert principal is not None
    assert (principal.id, principal.groups) == (SPIFFE, frozenset({"workloads"}))
    assert (principal.method, principal.strength) == ("mtls", "strong")
    assert principal.attributes == {
        "authority": {"clients of example.org"},
        "uri": {SPIFFE},
        "dns": {"agent.example.org"},
        "organization": {"Example"},
        "organizational_unit": {"ops"},
        "trust_domain": {"example.org"},
        "namespace": {"prod"},
        "service_account": {"agent"},
    }
    assert principal.credential_made == issued.certificate.not_valid_before_utc.timestamp()
    assert principal.expires_at == issued.certificate.not_valid_after_utc.timestamp()


def test_two_certificates_of_one_workload_are_one_principal_with_two_credentials() -> None:
    one, other = (read(AUTHORITY.issue(SPIFFE)).principal for _ in range(2))
    assert one is not None
    assert other is not None
    assert one.id == other.id
    assert one.credential_id != other.credential_id


@pytest.mark.parametrize(
    ("name", "names", "subject", "found"),
    [
        ("san_dns", ("Agent.Example.org",), "x", "dns:agent.example.org"),
        ("subject", (), "alice", "cn:alice"),
        ("san_uri", ("https://example.org/agents/7",), "x", "https://example.org/agents/7"),
        ("san_uri", (SPIFFE, "a.example.org", "b.example.org"), "x", SPIFFE),
    ],
)
def test_the_configured_member_names_the_principal(name: str, names: tuple[str, ...], subject: str, found: str) -> None:
    principal = read(AUTHORITY.issue(*names, subject=name_of(subject)), name=name).principal
    assert principal is not None
    assert principal.id == found


USE = "meant for clients"
BAD: dict[str, tuple[Issued, dict[str, str], str]] = {
    "for servers": (AUTHORITY.issue(SPIFFE, uses=[SERVER]), {}, USE),
    "for no use in particular": (AUTHORITY.issue(SPIFFE, uses=None), {}, USE),
    "for any use": (AUTHORITY.issue(SPIFFE, uses=[x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), {}, USE),
    "not for signatures": (AUTHORITY.issue(SPIFFE, key_usage=usage(signature=False)), {}, "signatures"),
    "an authority's": (AUTHORITY.issue(SPIFFE, authority=True), {}, "of an authority"),
    "without a URI": (AUTHORITY.issue("a.example.org"), {}, "no URI"),
    "without alternative names": (AUTHORITY.issue(), {}, "no URI"),
    "two URIs": (AUTHORITY.issue(SPIFFE, SPIFFE + "2"), {}, "2 URI"),
    "another trust domain": (
        AUTHORITY.issue("spiffe://example.com/a"),
        {"trust_domain": "example.org"},
        "trust domain",
    ),
    "no SPIFFE ID": (AUTHORITY.issue("https://example.org/a"), {"trust_domain": "example.org"}, "SPIFFE"),
    "an endless name": (AUTHORITY.issue("spiffe://example.org/" + "a" * 255), {}, "longer"),
    "no DNS name": (AUTHORITY.issue(SPIFFE), {"name": "san_dns"}, "no DNS"),
    "two DNS names": (AUTHORITY.issue("a.example.org", "b.example.org"), {"name": "san_dns"}, "2 DNS"),
    "a wildcard": (AUTHORITY.issue("*.example.org"), {"name": "san_dns"}, "form"),
    "two common names": (AUTHORITY.issue(subject=name_of("a", "b")), {"name": "subject"}, "2 common"),
    "no common name": (AUTHORITY.issue(subject=name_of(organization="x")), {"name": "subject"}, "no common"),
    "blanks in the name": (AUTHORITY.issue(subject=name_of("alice bob")), {"name": "subject"}, "form"),
    "everybody": (AUTHORITY.issue(subject=name_of("*")), {"name": "subject"}, "form"),
    "turned round": (AUTHORITY.issue(subject=name_of("a\u202eb")), {"name": "subject"}, "printable"),
}


@pytest.mark.parametrize("which", BAD)
def test_a_bad_certificate_names_nobody_and_says_why(which: str) -> None:
    issued, rules, why = BAD[which]
    certified = read(issued, **rules)
    assert certified.principal is None
    assert why in certified.flaw


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe://example.org/a/",
        "spiffe://example.org//a",
        "spiffe://example.org/a/../b",
        "spiffe://example.org/./a",
        "spiffe://example.org/a?b=c",
        "spiffe://example.org/a#b",
        "spiffe://example.org:443/a",
        "spiffe://alice@example.org/a",
        "spiffe://Example.org/a",
        "SPIFFE://example.org/a",
        "spiffe:///a",
        "spiffe://example.org/a%2fb",
        "spiffe:example.org/a",
    ],
)
def test_what_only_resembles_a_spiffe_id_names_nobody_even_without_a_trust_domain(uri: str) -> None:
    assert read(AUTHORITY.issue(uri)).principal is None


@pytest.mark.parametrize("uri", ["corp:alice", "dns:agent.example.org", "cn:alice", "mailto:alice@example.org"])
def test_a_uri_is_not_the_name_of_somebody_who_is_identified_otherwise(uri: str) -> None:
    assert read(AUTHORITY.issue(uri)).principal is None
    assert read(AUTHORITY.issue(f"urn:{uri}")).principal is not None


@pytest.mark.parametrize("garbage", [b"", b"0", b"\x30\x82\xff\xff", AUTHORITY.issue(SPIFFE).der[:-7]])
def test_what_is_no_certificate_names_nobody(garbage: bytes) -> None:
    assert read_certificate(garbage, clients()).principal is None


WHOLE = AUTHORITY.issue(SPIFFE, uses=[CLIENT]).der


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), min_size=1, max_size=3))
def test_no_damage_to_a_certificate_is_more_than_a_flaw(damage: list[tuple[int, int]]) -> None:
    der = bytearray(WHOLE)
    for place, change in damage:
        der[place] ^= change
    certified = read_certificate(bytes(der), clients(trust_domain="example.org"))
    assert certified.principal is None or certified.principal.id.startswith("spiffe://example.org/")
