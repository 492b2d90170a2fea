"""`timeouts` of targets and models, `addresses` and `tls` of a target."""

import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path as FilePath

from guardhouse.model.addresses import METADATA, RANGES, is_never, networks_of, objection
from guardhouse.policy import kinds
from guardhouse.policy.network import Url
from guardhouse.policy.problem import Path
from guardhouse.policy.reaching import TargetTls, Timeouts, located
from guardhouse.policy.reading import Key, ListOf, Shape
from guardhouse.policy.sections.networks import parse_range
from guardhouse.wire.tls import client_context

Finding = tuple[Path, str]

_RANGE = r"(private|loopback|[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?)"

TIMEOUTS = Shape(
    Timeouts,
    {
        "connect": Key(kinds.DURATION, "To find the server's address and to be accepted there."),
        "tls": Key(kinds.DURATION, "For the handshake of TLS."),
        "write": Key(kinds.DURATION, "How long it may leave a request untaken."),
        "first_byte": Key(kinds.DURATION, "How long it may take to begin its answer."),
        "between_bytes": Key(kinds.DURATION, "How long an answer that has begun may pause."),
        "whole": Key(kinds.DURATION, "From sending the request to the end of the answer."),
    },
)

TARGET_TLS = Shape(
    TargetTls,
    {
        "authorities": Key(kinds.FILE, "PEM file with the only authorities that vouch for the server."),
        "server_name": Key(
            kinds.Text(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", "a host name"),
            "The name that its certificate must have, if not the host of url.",
        ),
        "minimum": Key(kinds.Choice("version", {"1.2": "1.2", "1.3": "1.3"}), "The oldest version of TLS to speak."),
        "certificate": Key(kinds.FILE, "PEM file with the gateway's own certificate; a newer one is used at once."),
        "key": Key(kinds.FILE, "PEM file with its private key."),
    },
)


def _parse(text: str) -> str | None:
    return text if text in RANGES else parse_range(text)


ADDRESSES = ListOf(
    kinds.Figure(_parse, str, _RANGE, "where a server may be; write private, loopback or a range such as 10.1.0.0/16")
)


def findings(url: Url, tls: TargetTls | None, addresses: tuple[str, ...]) -> Iterator[Finding]:
    """Of one target."""
    if tls is not None and url.scheme == "http":
        yield ("tls",), "has no effect: the url is http://"
    if tls is not None and (tls.certificate is None) != (tls.key is None):
        yield ("tls",), "needs certificate and key together"
    for number, text in enumerate(addresses):
        for network in networks_of((text,)):
            if is_never(network.network_address) or any(place in network for place in METADATA if text not in RANGES):
                yield ("addresses", number), "holds addresses that are never connected to: write it narrower"
                break
    literal = _literal(url.host)
    if literal is not None and objection(url.host, url.host):
        yield ("url",), "leads to an address that is never connected to"
    if addresses and literal is not None and not any(literal in network for network in networks_of(addresses)):
        yield ("addresses",), "does not hold the address of the url"


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def unusable(tls: TargetTls | None, base: FilePath) -> Iterator[Finding]:
    """What is wrong with the files."""
    there = located(tls, base)
    if tls is None or there is None:
        return
    for name in ("authorities", "certificate", "key"):
        file = getattr(there, name)
        if file is not None and not _is_readable(file):
            yield ("tls", name), f"the file {getattr(tls, name)} cannot be read"
            return
    try:
        client_context(there.authorities, there.certificate, there.key)
    except ssl.SSLError:
        yield ("tls",), "its files are no certificates, or certificate and key do not belong together"
    except OSError:
        yield ("tls",), "its files cannot be read"


def _is_readable(file: FilePath) -> bool:
    try:
        with file.open("rb"):
            return True
    except OSError:
        return False
