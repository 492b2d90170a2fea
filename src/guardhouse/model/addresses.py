"""To which addresses the gateway may connect when a name stands for them: the guard against requests to the inside.

A name is resolved by somebody else, and what it resolves to may change between two looks. So whoever opens a socket
resolves the name itself, asks `objection` for each address, and connects to an address that it was asked of: there is
no second resolution. What may be connected to:

- never: nothing (0.0.0.0), many (multicast, broadcast), and the places where clouds hand out credentials;
- where ranges are declared: what is in them, and nothing else;
- else an address that the operator wrote out, and loopback for `localhost`;
- else, for a name, what is public, and private ranges only for who says so (`inside`). A name that resolves to this
  machine or to its link is refused, whatever it is called.

IPv6 addresses that stand for an IPv4 address count as both.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# words that stand for ranges
RANGES: Final[dict[str, tuple[str, ...]]] = {
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    "loopback": ("127.0.0.0/8", "::1/128"),
}
METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in (
        *("169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
        *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
    )
)
_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_TRANSLATED: Final = ipaddress.IPv6Network("::ffff:0:0:0/96")  # by routers that have no state (RFC 7915)
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")


def objection(text: str, host: str, declared: Sequence[str] = (), *, inside: bool = False) -> str:
    """Why `host` may not be connected to at the address `text`; empty if it may. `declared` are ranges or words."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return "no address"
    forms = [address, *_within(address)]
    for form in forms:
        if is_never(form):
            return kind_of(form)
    if declared:
        networks = networks_of(tuple(declared))
        return "" if all(any(form in network for network in networks) for form in forms) else "not declared"
    if _is_written_out(host, address):
        return ""
    kinds = {kind_of(form) for form in forms}
    if host.lower().rstrip(".") == "localhost" and kinds == {"loopback"}:
        return ""
    refused = sorted(kinds - ({"public", "private"} if inside else {"public"}))
    return refused[0] if refused else ""


def kind_of(address: Address) -> str:
    if address in METADATA:
        return "metadata"
    for kind in ("unspecified", "loopback", "multicast", "link_local"):
        if getattr(address, f"is_{kind}"):
            return kind.replace("_", "-")
    if address == _BROADCAST:
        return "broadcast"
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return "private"  # which the library takes for global
    return "public" if address.is_global else "private"


def is_never(address: Address) -> bool:
    return kind_of(address) in {"metadata", "unspecified", "multicast", "broadcast"}


@lru_cache(maxsize=1024)
def networks_of(declared: tuple[str, ...]) -> tuple[Network, ...]:
    texts = [text for word in declared for text in RANGES.get(word, (word,))]
    return tuple(ipaddress.ip_network(text) for text in texts)


def _within(address: Address) -> Iterator[Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    carries = any(address in network for network in (*_NAT64, _TRANSLATED))
    if carries or (address in _COMPATIBLE and int(address) > 1):
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def _is_written_out(host: str, address: Address) -> bool:
    try:
        return ipaddress.ip_address(host) == address
    except ValueError:
        return False
