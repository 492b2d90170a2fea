"""A principal as it is written down: in claims of a token of the gateway, in a session, in a question to the policy.

What is a set in a principal is a list in order here. Who writes one adds what it is identified by; a new member of a
principal that policies can speak of is added here and nowhere else, or a token that was exchanged would lack it.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from guardhouse.model.principal import Method, Principal, Strength


class Described(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    team: str = ""
    tier: str = ""
    attributes: dict[str, tuple[str, ...]] = {}
    method: Method = "api_key"
    strength: Strength = "single"
    issuer: str = ""


def as_described(described: Described, bare: Principal) -> Principal:
    """`bare`, who has an id and a credential, with what is described."""
    return msgspec.structs.replace(
        bare,
        groups=frozenset(described.groups),
        roles=frozenset(described.roles),
        scopes=frozenset(described.scopes),
        team=described.team,
        tier=described.tier,
        attributes={name: frozenset(values) for name, values in described.attributes.items()},
        method=described.method,
        strength=described.strength,
        issuer=described.issuer,
    )


def description_of(principal: Principal) -> dict[str, Any]:
    """The members of a `Described`."""
    return {
        "groups": in_order(principal.groups),
        "roles": in_order(principal.roles),
        "scopes": in_order(principal.scopes),
        "team": principal.team,
        "tier": principal.tier,
        "attributes": {name: in_order(values) for name, values in principal.attributes.items()},
        "method": principal.method,
        "strength": principal.strength,
        "issuer": principal.issuer,
    }


def in_order(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(values))
