"""What a SAML response must look like before its signature is asked about.

What is verified and what is then read have to be the same element; most attacks on SAML part the two, by a second
assertion, a signature that refers elsewhere, an id that stands twice, or a reader that sees comments or entities
differently. So a response is taken in one form only: a `Response` with exactly one `Assertion` as its direct child,
signatures only as direct children of these two and referring to their own parent, every id once, no comments, document
types, entities or encrypted parts, and only exclusive canonicalisation with SHA-2.
"""

from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

MOST_BYTES = 128 * 1024

_ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_PROTOCOL = "{urn:oasis:names:tc:SAML:2.0:protocol}"
_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_SIGNATURES = frozenset(
    f"http://www.w3.org/2001/04/xmldsig-more#{kind}-sha{size}" for kind in ("rsa", "ecdsa") for size in (256, 384, 512)
)
_DIGESTS = frozenset(
    {
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    }
)
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_TRANSFORMS = frozenset({_EXCLUSIVE, "http://www.w3.org/2000/09/xmldsig#enveloped-signature"})
_ALLOWED = {
    "SignatureMethod": _SIGNATURES,
    "DigestMethod": _DIGESTS,
    "CanonicalizationMethod": frozenset({_EXCLUSIVE}),
    "Transform": _TRANSFORMS,
}


def fault_in(content: bytes) -> str | None:
    """What is wrong with the form of a response, in words for the operator."""
    if len(content) > MOST_BYTES or b"\x00" in content:
        return "is too large, or in a wide encoding"
    if b"<!" in content or b"<?" in content.removeprefix(b"<?xml"):
        return "has comments, declarations or instructions"
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        return "is not sound XML"
    if root.tag != f"{_PROTOCOL}Response":
        return "is no response"
    assertions = [element for element in root.iter() if element.tag == f"{_ASSERTION}Assertion"]
    if len(assertions) != 1 or assertions[0] not in list(root):
        return "has not exactly one assertion in its place"
    if any(
        element.tag.endswith(("}EncryptedAssertion", "}EncryptedID", "}EncryptedAttribute")) for element in root.iter()
    ):
        return "has encrypted parts"
    ids = [element.attrib["ID"] for element in root.iter() if "ID" in element.attrib]
    ids += [element.attrib[name] for element in root.iter() for name in ("Id", "id") if name in element.attrib]
    if len(set(ids)) != len(ids):
        return "has an id twice"
    return _signature_fault(root, assertions[0])


def _signature_fault(root: Element, assertion: Element) -> str | None:
    signatures = [element for element in root.iter() if element.tag == f"{_DS}Signature"]
    own = [(parent, child) for parent in (root, assertion) for child in parent if child.tag == f"{_DS}Signature"]
    if len(own) != len(signatures) or len({parent.attrib.get("ID") for parent, _ in own}) != len(own):
        return "has a signature out of its place"
    if not any(parent is assertion for parent, _ in own):
        return "has no signed assertion"
    for parent, signature in own:
        references = [element.attrib.get("URI") for element in signature.iter(f"{_DS}Reference")]
        if references != [f"#{parent.attrib.get('ID')}"]:
            return "has a signature of something else"
        for name, allowed in _ALLOWED.items():
            if not {element.attrib.get("Algorithm") for element in signature.iter(f"{_DS}{name}")} <= allowed:
                return "is signed with algorithms that are not accepted"
    return None
