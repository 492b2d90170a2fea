"""Addresses to listen on and URLs of model servers, read strictly: one spelling, nothing ignored.

A URL is where the gateway sends a judged request and a credential, so everything that readers of URLs disagree about is
refused: user names, queries, fragments, backslashes, percent escapes, dot segments. Names are ASCII; a name in another
script is written in its xn-- form.
"""

import ipaddress
import re
from typing import Literal

import msgspec

from guardhouse.policy.settings import Address

ADDRESS_PATTERN = r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"

_ADDRESS = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_URL = re.compile(r"(https?)://([^/]*)(/.*)?")
_AUTHORITY = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PATH = re.compile(r"(/[A-Za-z0-9._~+-]+)*/?")
_PORTS = {"http": 80, "https": 443}


class Url(msgspec.Struct, frozen=True, kw_only=True):
    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str  # without trailing slash


def parse_address(text: str) -> Address | None:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return None
    host, port = _host(match[1]), int(match[2])
    return Address(host, port) if host is not None and port <= 65535 else None


def parse_url(text: str) -> Url | str:
    """The parts of the URL, or what is wrong with it; the text itself is not repeated."""
    match = _URL.fullmatch(text)
    if match is None:
        return "must begin with http:// or https://"
    if "@" in match[2]:
        return "must not hold a user name or password; use the key credential"
    if re.search(r"[?#]", text):
        return "must have no query and no fragment"
    authority = _AUTHORITY.fullmatch(match[2])
    host = _host(authority[1]) if authority else None
    if authority is None or host is None:
        return "must name a host, and after it at most a port"
    scheme: Literal["http", "https"] = "https" if match[1] == "https" else "http"
    port = int(authority[2] or _PORTS[scheme])
    if not 0 < port <= 65535:
        return "must have a port between 1 and 65535"
    return _with_path(scheme, host, port, match[3] or "")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in {"localhost", "localhost."}


def _with_path(scheme: Literal["http", "https"], host: str, port: int, path: str) -> Url | str:
    if not _PATH.fullmatch(path) or any(part in {".", ".."} for part in path.split("/")):
        return "must have a plain path: letters, digits and . _ ~ + - between single slashes"
    path = path.rstrip("/")
    for version in ("/v1", "/v2"):
        if path.endswith(version):
            return f"must leave out the {version} at the end; the gateway adds it"
    return Url(scheme=scheme, host=host, port=port, path=path)


def _host(text: str) -> str | None:
    """A host name or an IP address without its brackets; None when it is neither."""
    bare = text.strip("[]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return text if _is_name(text) else None
    return str(address) if (address.version == 6) == text.startswith("[") else None


def _is_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    numeric = labels[-1].isdigit()  # an almost-address such as 127.1 or 0x7f.1, which resolvers read in their own ways
    return len(text) <= 253 and not numeric and all(_LABEL.fullmatch(label) for label in labels)
