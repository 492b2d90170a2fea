"""What a signature covers of a request (RFC 9421, section 2), and whether the digest fits the body (RFC 9530).

`base_of` makes the text that was signed, of the components that the signature names. Known are the derived components
of a request and plain fields; parameters of components (`sf`, `bs`, `key`, `tr`, `req`) and whatever else is not known
make no base, and then there is no signature. A field that is covered but not there makes none either. Values of fields
are those of the framing: repeated ones joined, blanks around them gone, as the RFC wants it.
"""

import hashlib
from typing import Final
from urllib.parse import parse_qsl, quote

import msgspec

from guardhouse.wire.http1.head import Head
from guardhouse.wire.signatures.fields import InnerList, Item, read_dictionary, write_item, write_list

_DIGESTS: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


class Message(msgspec.Struct, frozen=True):
    head: Head
    scheme: str  # as callers see it
    authority: str  # the Host header as it is compared: in small letters, without the scheme's own port


def message_of(head: Head, scheme: str) -> Message | None:
    host = head.headers.get(b"host")
    if host is None:
        return None
    authority = host.decode("ascii", "replace").lower()
    default = ":443" if scheme == "https" else ":80"
    return Message(head, scheme, authority.removesuffix(default))


def base_of(message: Message, covered: InnerList) -> bytes | None:
    lines: list[str] = []
    seen: set[str] = set()
    for item in covered.items:
        value = _value_of(message, item)
        name = write_item(item)
        if value is None or name in seen:
            return None
        seen.add(name)
        lines.append(f"{name}: {value}\n")
    lines.append(f'"@signature-params": {write_list(covered)}')
    return "".join(lines).encode("latin-1")


def _value_of(message: Message, item: Item) -> str | None:
    name, head = item.value, message.head
    if type(name) is not str or not name:
        return None
    if name == "@query-param":
        return _query_param(head, item)
    if item.parameters:
        return None
    if name[0] != "@":
        return _field(head, name)
    path = head.path.decode("ascii")
    query = f"?{head.query.decode('latin-1')}" if head.query else ""
    values = {
        "@method": head.method,
        "@authority": message.authority,
        "@scheme": message.scheme,
        "@path": path,
        "@query": query or "?",
        "@request-target": path + query,
        "@target-uri": f"{message.scheme}://{message.authority}{path}{query}",
    }
    return values.get(name)


def _field(head: Head, name: str) -> str | None:
    if name == "content-length":
        return str(head.content_length) if head.content_length >= 0 else None
    value = head.headers.get(name.encode("latin-1", "replace"))
    return None if value is None else value.decode("latin-1").strip(" \t")


def _query_param(head: Head, item: Item) -> str | None:
    """The one parameter of that name; several make no base."""
    parameters = dict(item.parameters)
    wanted = parameters.get("name")
    if type(wanted) is not str or len(parameters) != 1:
        return None
    pairs = parse_qsl(head.query.decode("latin-1"), keep_blank_values=True)
    found = [value for name, value in pairs if quote(name, safe="*-._") == wanted]
    return quote(found[0], safe="*-._") if len(found) == 1 else None


def digest_fits(field: bytes, body: bytes | bytearray) -> bool:
    """Whether every digest that can be computed is that of the body, and there is one."""
    members = read_dictionary(field)
    if not members:
        return False
    known = [(name, member) for name, member in members.items() if name in _DIGESTS]
    return bool(known) and all(
        isinstance(member, Item) and member.value == _DIGESTS[name](body).digest() for name, member in known
    )
