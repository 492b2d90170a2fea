"""`networks`: names for address ranges, for policies to speak of where a caller is.

The address is that of the connection. Behind a proxy that does not pass connections through, it is the proxy's: name no
networks then. An IPv4 address that arrives in its IPv6 form counts as the IPv4 address it is.
"""

import ipaddress

from guardhouse.policy import kinds
from guardhouse.policy.reading import Kind, ListOf, MapOf

Networks = dict[str, tuple[str, ...]]  # name -> ranges, as they are written
Range = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def parse_range(text: str) -> str | None:
    """The range as it is always written; None if it is none, or has bits beyond its mask."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        inner = network.network_address.ipv4_mapped
        return f"{inner}/{network.prefixlen - _MAPPED.prefixlen}"
    return str(network)


CIDR: Kind[str] = kinds.Figure(
    parse_range,
    str,
    r"[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?",
    "a network; write an address range such as 192.0.2.0/24 or 2001:db8::/32, with no bits beyond its mask",
)
NETWORKS: Kind[Networks] = MapOf(kinds.SECTION_NAME, ListOf(CIDR))


class Atlas:
    """Which of the named networks an address is in."""

    def __init__(self, networks: Networks) -> None:
        self._ranges: list[tuple[str, Range]] = [
            (name, ipaddress.ip_network(text)) for name, texts in networks.items() for text in texts
        ]

    def __repr__(self) -> str:
        return f"<Atlas of {len(self._ranges)} ranges>"

    def names_at(self, client: str) -> frozenset[str]:
        """Empty for what is no address."""
        try:
            address = ipaddress.ip_address(client.partition("%")[0])
        except ValueError:
            return frozenset()
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return frozenset(name for name, held in self._ranges if address in held)
