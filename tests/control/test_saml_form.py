"""The one form of a SAML response that is taken, and the shapes of known attacks on the others."""

import pytest

pytest.importorskip("defusedxml", reason="pysaml2 is not installed")

from guardhouse.control.saml_form import MOST_BYTES, fault_in

SIGNATURE = """<d:Signature xmlns:d="http://www.w3.org/2000/09/xmldsig#"><d:SignedInfo>\
<d:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>\
<d:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>\
<d:Reference URI="#{of}"><d:Transforms>\
<d:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/></d:Transforms>\
<d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/></d:Reference></d:SignedInfo></d:Signature>"""


def assertion(name: str = "a", signature: str | None = None, inside: str = "") -> str:
    signed = SIGNATURE.format(of=name) if signature is None else signature
    return f'<s:Assertion ID="{name}">{signed}<s:Subject>alice</s:Subject>{inside}</s:Assertion>'


def response(*parts: str) -> str:
    names = 'xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:s="urn:oasis:names:tc:SAML:2.0:assertion"'
    return f'<p:Response {names} ID="r">{"".join(parts)}</p:Response>'


def test_a_response_with_one_signed_assertion_is_taken() -> None:
    assert fault_in(response(assertion()).encode()) is None
    assert fault_in(response(SIGNATURE.format(of="r"), assertion()).encode()) is None
    assert fault_in(b"<?xml version='1.0'?>" + response(assertion()).encode()) is None


WRAPPED = {
    "the signed one in an extension beside another": response(
        f"<p:Extensions>{assertion()}</p:Extensions>", assertion("evil", "")
    ),
    "the signed one inside of another": response(assertion("evil", "", assertion())),
    "the signed one inside of the other's signature": response(
        assertion("evil", SIGNATURE.format(of="a").replace("</d:Signature>", f"{assertion()}</d:Signature>"))
    ),
    "another one behind the signed one": response(assertion(), assertion("evil", "")),
    "another one before the signed one": response(assertion("evil", ""), assertion()),
    "a signature of something else": response(assertion("evil", SIGNATURE.format(of="a"))),
    "a signature of the whole document": response(assertion("a", SIGNATURE.replace("#{of}", ""))),
    "a signature that is elsewhere": response(
        f"<p:Extensions>{SIGNATURE.format(of='a')}</p:Extensions>", assertion("a", "")
    ),
    "two signatures of one": response(assertion("a", SIGNATURE.format(of="a") * 2)),
    "two references in one": response(
        assertion("a", SIGNATURE.format(of="a").replace("</d:SignedInfo>", '<d:Reference URI="#r"/></d:SignedInfo>'))
    ),
    "only the response signed": response(SIGNATURE.format(of="r"), assertion("a", "")),
    "nothing signed": response(assertion("a", "")),
    "no assertion": response(),
    "an id twice": response('<p:Extensions><x ID="a"/></p:Extensions>', assertion()),
    "an id twice in another spelling": response('<p:Extensions><x Id="a"/></p:Extensions>', assertion()),
    "an encrypted assertion": response(assertion(), "<s:EncryptedAssertion/>"),
    "no response": assertion().replace("<s:Assertion", '<s:Assertion xmlns:s="urn:oasis:names:tc:SAML:2.0:assertion"'),
    "a comment": response(assertion()).replace("alice", "ali<!-- -->ce"),
    "an instruction": response(assertion()).replace("alice", "ali<?x y?>ce"),
    "a document type": "<!DOCTYPE x [<!ENTITY y 'z'>]>" + response(assertion()),
    "an open end": response(assertion())[:-3],
    "a transform of another kind": response(assertion()).replace("enveloped-signature", "xpath"),
    "an HMAC": response(assertion()).replace("rsa-sha256", "hmac-sha256"),
    "SHA-1": response(assertion()).replace("xmlenc#sha256", "xmldsig#sha1"),
    "canonicalisation with comments": response(assertion()).replace("xml-exc-c14n#", "xml-exc-c14n#WithComments"),
    "too much": response(assertion()).replace("alice", "a" * MOST_BYTES),
    "nothing": "",
}


@pytest.mark.parametrize("case", WRAPPED)
def test_nothing_else_is_taken(case: str) -> None:
    assert fault_in(WRAPPED[case].encode()) is not None


def test_a_wide_encoding_hides_nothing() -> None:
    hidden = response(assertion()).replace("alice", "ali<!-- -->ce")
    assert fault_in(hidden.encode("utf-16-le")) is not None
    assert fault_in(hidden.encode("utf-16")) is not None
