"""Unusual use of credentials, seen in the journal: a new network, many networks at once, one that had slept.

What is followed is a key by its id; of certificates and tokens, which are replaced all the time, the principal. A
network is the /24 of an IPv4 address and the /48 of an IPv6 one: who moves within a building or an office stays in it.

    identity.new_network     a network where this one was never seen, once it has been in use for `settled`
    identity.many_networks   `networks` of them or more within `at_once`; told once in that time
    identity.dormant_awake   used again after `dormant` without use

The time is that of the records, not of the reading. What is known of a credential lies in the store (`Shelf`), and a
record that is older than what is known says nothing new, so lines may be read twice, which after a crash they are. This
reader has therefore no checkpoint of its own. Nor does it decode: it is handed what the metrics have decoded
(readers/tally.py), because decoding every line once more would cost more than all the rest here. Nearly every record is
one of a credential at an address that was seen less than `_GRAIN` ago, and ends after one look-up.

Memory is bounded: what was saved may be forgotten and is loaded again when it is used again.
"""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from guardhouse.audit.record import Event, Severity
from guardhouse.identity.api_keys import is_key_id
from guardhouse.policy.settings import Signins
from guardhouse.readers.uses import Use

EVENTS: dict[str, Severity] = {
    "identity.new_network": "warning",
    "identity.many_networks": "alert",
    "identity.dormant_awake": "warning",
}
MOST_NETWORKS = 32  # remembered per credential; the one not seen for longest goes first
MOST_USES = 50_000  # credentials in memory
_GRAIN = 60.0  # seconds; times of use are no more exact than that
_DISORDER = 10.0  # seconds by which the records of one worker may lag behind another's

Facts = dict[str, str | int | float | bool]


class Shelf(Protocol):
    """Where uses are kept."""

    def get(self, name: str) -> Use | None: ...
    def save(self, uses: Sequence[Use]) -> None: ...


class SigninReader:
    def __init__(self, settings: Signins, shelf: Shelf, tell: Callable[[Event], None]) -> None:
        self._settings = settings
        self._shelf = shelf
        self._tell = tell
        self._grain = min(_GRAIN, settings.at_once / 4)
        self._uses: dict[str, Use] = {}
        self._recent: dict[tuple[str, str], float] = {}  # credential and address -> when the use was noted
        self._changed: dict[str, Use] = {}

    def __repr__(self) -> str:
        return f"<SigninReader {len(self._uses)} in memory, {len(self._changed)} to be saved>"

    def note(self, at: float, credential: str, principal: str, client: str) -> None:
        """One exchange of somebody who was identified."""
        place = (credential, client)
        if at - self._recent.get(place, 0.0) < self._grain:
            return
        if len(self._recent) >= MOST_USES:
            self._recent.clear()
        self._recent[place] = at
        name = f"key:{credential}" if is_key_id(credential) else f"principal:{principal}"
        network = network_of(client)
        use = self._uses.get(name) or self._shelf.get(name)
        if use is None:
            use = Use(name, at, at, {network: at})
        elif at <= use.networks.get(network, use.last - _DISORDER):
            self._uses[name] = use
            return
        else:
            for event, facts in self._judge(use, at, network):
                self._tell(
                    Event(
                        at=at,
                        name=event,
                        severity=EVENTS[event],
                        principal=principal,
                        credential=credential,
                        client=client,
                        facts=facts,
                    )
                )
        self._uses[name] = self._changed[name] = use

    def save(self, most: int = 2000) -> None:
        """Some of what has changed, so that the process is never busy with it for long."""
        names = list(self._changed)[:most]
        if names:
            self._shelf.save([self._changed.pop(name) for name in names])
        if len(self._uses) > MOST_USES:
            self._uses = dict(self._changed)

    def _judge(self, use: Use, at: float, network: str) -> Iterator[tuple[str, Facts]]:
        """Take in a use, and tell what is unusual about it."""
        settings = self._settings
        if at - use.last >= settings.dormant:
            yield "identity.dormant_awake", {"days": int((at - use.last) / 86_400), "network": network}
        if network not in use.networks and at - use.first >= settings.settled:
            yield "identity.new_network", {"network": network, "known": len(use.networks)}
        use.last = max(use.last, at)
        use.networks[network] = at
        if len(use.networks) > MOST_NETWORKS:
            del use.networks[min(use.networks, key=use.networks.__getitem__)]
        in_use = sum(at - seen < settings.at_once for seen in use.networks.values())
        if in_use >= settings.networks and at - use.told >= settings.at_once:
            use.told = at
            yield "identity.many_networks", {"networks": in_use, "seconds": settings.at_once}


def network_of(address: str) -> str:
    """Where an address is; whatever is no address stands for itself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))
