"""Against the vectors of RFC 9421 (appendix B) and against everything that a signature must not do."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from guardhouse.identity.signing import Signatures, Signed, SigningKey, fits, is_secret, read_public, verify
from guardhouse.model.secret import Secret
from guardhouse.wire.http1.head import Head
from guardhouse.wire.signatures.fields import InnerList, read_dictionary
from guardhouse.wire.signatures.message import base_of, digest_fits, message_of

BODY = b'{"hello": "world"}'
RFC = Head(
    "POST",
    b"/foo",
    b"param=Value&Pet=dog",
    {
        b"host": b"example.com",
        b"date": b"Tue, 20 Apr 2021 02:07:55 GMT",
        b"content-type": b"application/json",
        b"content-digest": b"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX"
        b"+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
    },
    True,
    False,
    18,
    False,
)
SHARED = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
ED25519 = "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="


def covered(field: str) -> InnerList:
    read = read_dictionary(field.encode())
    assert read is not None
    (member,) = read.values()
    assert isinstance(member, InnerList)
    return member


def key(algorithm: Any, **fields: Any) -> SigningKey:
    return SigningKey(name="k", algorithm=algorithm, of=frozenset({"alice"}), **fields)


def test_the_vector_of_the_rfc_for_hmac() -> None:
    message = message_of(RFC, "https")
    assert message is not None
    base = base_of(
        message, covered('s=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"')
    )
    assert base is not None
    assert base.decode().splitlines() == [
        '"date": Tue, 20 Apr 2021 02:07:55 GMT',
        '"@authority": example.com',
        '"content-type": application/json',
        '"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    ]
    signature = base64.b64decode("pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=")
    assert fits(key("hmac-sha256", secret=Secret(SHARED)), base, signature)


def test_the_vector_of_the_rfc_for_ed25519() -> None:
    message = message_of(RFC, "https")
    assert message is not None
    components = '("date" "@method" "@path" "@authority" "content-type" "content-length")'
    base = base_of(message, covered(f's={components};created=1618884473;keyid="test-key-ed25519"'))
    signature = base64.b64decode(
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    )
    assert base is not None
    assert fits(key("ed25519", public=read_public(ED25519, "ed25519")), base, signature)


def test_the_derived_components_of_the_rfc() -> None:
    message = message_of(RFC, "https")
    assert message is not None
    names = '("@method" "@target-uri" "@scheme" "@request-target" "@path" "@query" "@query-param";name="Pet")'
    base = base_of(message, covered(f"s={names}"))
    assert base is not None
    assert [line.partition(": ")[2] for line in base.decode().splitlines()[:-1]] == [
        *("POST", "https://example.com/foo?param=Value&Pet=dog", "https"),
        *("/foo?param=Value&Pet=dog", "/foo", "?param=Value&Pet=dog", "dog"),
    ]


@pytest.mark.parametrize(
    "components",
    [
        '("date";sf)',
        '("@status")',
        '("missing")',
        '("date" "date")',
        '("@query-param")',
        '("x\\"y")',
        "(date)",
        '("@method";req)',
    ],
)
def test_what_cannot_be_covered_makes_no_base(components: str) -> None:
    message = message_of(RFC, "https")
    assert message is not None
    assert base_of(message, covered(f"s={components}")) is None


def test_a_digest_fits_its_body_and_no_other() -> None:
    field = RFC.headers[b"content-digest"]
    wrong = b"sha-256=:" + base64.b64encode(b"x" * 32) + b":"
    assert digest_fits(field, BODY)
    for bad in (field + b", " + wrong, b"md5=:AAAA:", b"", b"sha-256", field.replace(b"sha-512=:W", b"sha-512=:X")):
        assert not digest_fits(bad, BODY)
    assert digest_fits(field + b", md5=:AAAA:", BODY)
    assert not digest_fits(field, BODY + b" ")


NOW = 1_800_000_000.0
ED = ed25519.Ed25519PrivateKey.generate()
EC = ec.generate_private_key(ec.SECP256R1())


def pem(private: Any) -> str:
    return str(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


KEYS = {
    "ed": SigningKey(name="ed", algorithm="ed25519", public=read_public(pem(ED), "ed25519"), of=frozenset({"alice"})),
    "ec": SigningKey(
        name="ec",
        algorithm="ecdsa-p256-sha256",
        public=read_public(pem(EC), "ecdsa-p256-sha256"),
        of=frozenset({"alice"}),
    ),
    "hm": SigningKey(name="hm", algorithm="hmac-sha256", secret=Secret(SHARED), of=frozenset({"alice"})),
    "bobs": SigningKey(name="bobs", algorithm="ed25519", public=read_public(pem(ED), "ed25519"), of=frozenset({"bob"})),
}
SIGNATURES = Signatures(keys=KEYS, authorities=frozenset({"gw.example"}))
GOOD = '("@method" "@target-uri" "@authority" "content-digest")'
DIGEST = b"sha-256=:" + base64.b64encode(hashlib.sha256(BODY).digest()) + b":"


def sign(name: str, base: bytes) -> bytes:
    if name == "hm":
        return hmac.digest(base64.b64decode(SHARED), base, "sha256")
    if name == "ec":
        r, s = decode_dss_signature(EC.sign(base, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)
    return ED.sign(base)


def head_of(**changes: Any) -> Head:
    headers = {b"host": b"gw.example", b"content-type": b"application/json", b"content-digest": DIGEST}
    headers.update({name.encode(): value for name, value in changes.pop("headers", {}).items()})
    parts = {"method": "POST", "path": b"/v1/chat/completions", "query": b"", **changes}
    return Head(parts["method"], parts["path"], parts["query"], headers, True, False, len(BODY), False)


def signed(
    name: str = "ed", params: str = "", components: str = GOOD, head: Head | None = None, keyid: str = ""
) -> Head:
    """A request that was signed as it is said."""
    head = head or head_of()
    params = params or f';created={int(NOW)};nonce="n"'
    field = f's={components}{params};keyid="{keyid or name}"'
    message = message_of(head, "https")
    assert message is not None
    base = base_of(message, covered(field)) or b""
    signature = base64.b64encode(sign(name, base))
    return head_of(
        method=head.method,
        path=head.path,
        query=head.query,
        headers={
            **{name.decode(): value for name, value in head.headers.items()},
            "signature-input": field.encode(),
            "signature": b"s=:" + signature + b":",
        },
    )


def judge(head: Head, body: bytes = BODY, principal: str = "alice", now: float = NOW) -> Signed | str:
    message = message_of(head, "https")
    assert message is not None
    return verify(SIGNATURES, message, body, principal, now)


@pytest.mark.parametrize("name", ["ed", "ec", "hm"])
def test_a_good_signature_holds_and_any_change_breaks_it(name: str) -> None:
    head = signed(name)
    verdict = judge(head)
    assert isinstance(verdict, Signed)
    assert (verdict.key, verdict.created, verdict.until) == (name, NOW, NOW + 65)
    for changed in (
        {"method": "GET"},
        {"path": b"/v1/completions"},
        {"query": b"a=b"},
        {"headers": {**text(head), "host": b"gw.example:8443"}},
        {"headers": {**text(head), "signature": b"s=:" + base64.b64encode(b"\0" * 64) + b":"}},
        {"headers": {**text(head), "signature-input": text(head)["signature-input"].replace(b'"n"', b'"m"')}},
    ):
        parts = {"method": head.method, "path": head.path, "query": head.query, "headers": text(head), **changed}
        assert isinstance(judge(head_of(**parts)), str), changed
    assert isinstance(judge(head, BODY + b" "), str)


def text(head: Head) -> dict[str, bytes]:
    return {name.decode(): value for name, value in head.headers.items()}


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (signed(params=f';created={int(NOW) - 66};nonce="n"'), "be fresh"),
        (signed(params=f';created={int(NOW) + 6};nonce="n"'), "be fresh"),
        (signed(params=';nonce="n"'), "when it was created"),
        (signed(params=f";created={int(NOW)}"), "nonce"),
        (signed(params=f';created={int(NOW)};nonce=""'), "nonce"),
        (signed(params=f';created={int(NOW)};nonce="{"n" * 129}"'), "nonce"),
        (signed(params=f";created={int(NOW)};nonce=n"), "nonce"),
        (signed(params=f';created={int(NOW)};nonce="n";expires={int(NOW) - 10}'), "expired"),
        (signed(params=f';created={int(NOW)};nonce="n";alg="hmac-sha256"'), "algorithm"),
        (signed(params=f';created={int(NOW)};nonce="n";alg="none"'), "algorithm"),
        (signed(params=f';created={int(NOW)};nonce="n";odd=1'), "not known"),
        (signed(components='("@method" "@authority" "content-digest")'), "must cover"),
        (signed(components='("@target-uri" "@authority" "content-digest")'), "must cover"),
        (signed(components='("@method" "@target-uri" "content-digest")'), "must cover"),
        (
            signed(components='("@method" "@path" "@authority" "content-digest")', head=head_of(query=b"a=b")),
            "must cover",
        ),
        (signed(components='("@method" "@target-uri" "@authority")'), "content-digest"),
        (signed(keyid="bobs"), "none of this caller's"),
        (signed(keyid="nobodys"), "none of this caller's"),
        (signed("ed", keyid="ec"), "does not fit"),
        (signed("hm", keyid="ed"), "does not fit"),
        (signed(head=head_of(headers={"host": b"other.example"})), "none of the gateway's"),
        (signed(head=head_of(headers={"content-digest": b"sha-256=:AAAA:"})), "Content-Digest"),
    ],
)
def test_a_signature_that_does_not_say_what_it_has_to_is_none(head: Head, said: str) -> None:
    verdict = judge(head)
    assert isinstance(verdict, str)
    assert said in verdict


def test_a_public_key_is_never_taken_for_a_shared_secret() -> None:
    public = ED.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    head = head_of()
    field = f's={GOOD};created={int(NOW)};nonce="n";keyid="ed"'
    message = message_of(head, "https")
    assert message is not None
    base = base_of(message, covered(field))
    assert base is not None
    forged = base64.b64encode(hmac.digest(public, base, "sha256"))
    assert isinstance(
        judge(head_of(headers={"signature-input": field.encode(), "signature": b"s=:" + forged + b":"})), str
    )


@pytest.mark.parametrize("which", ["signature", "signature-input"])
def test_two_signatures_or_half_of_one_are_none(which: str) -> None:
    head = signed()
    headers = text(head)
    assert isinstance(judge(head_of(headers={**headers, which: headers[which] + b", t" + headers[which][1:]})), str)
    del headers[which]
    assert isinstance(judge(head_of(headers=headers)), str)


def test_the_host_counts_in_any_case_and_with_the_port_of_its_scheme() -> None:
    head = signed(head=head_of(headers={"host": b"GW.example:443"}))
    assert isinstance(judge(head), Signed)


@pytest.mark.parametrize(
    ("given", "algorithm"),
    [
        (pem(ED), "ecdsa-p256-sha256"),
        (pem(EC), "ed25519"),
        ("x", "ed25519"),
        ("", "ed25519"),
        (pem(EC), "hmac-sha256"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "ecdsa-p256-sha256"),
    ],
)
def test_a_key_of_another_kind_is_none(given: str, algorithm: str) -> None:
    assert read_public(given, algorithm) is None


def test_a_short_secret_is_none() -> None:
    assert is_secret(SHARED)
    assert not is_secret(base64.b64encode(b"x" * 31).decode())
    assert not is_secret("not base64!")
