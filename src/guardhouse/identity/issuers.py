"""The rules of one issuer of tokens, resolved: what it calls itself, how its keys are had, what its claims mean.

The configuration writes these (policy/sections/identity.py), with presets for the issuers of workloads (workloads.py)
filled in. A claim is named by its path in the token: ("realm_access", "roles") is the member `roles` of the member
`realm_access`. That a token has no such claim is no flaw and gives an empty value, which no selector of a policy
matches; a value of a kind that cannot be read is one.
"""

from pathlib import Path

import msgspec

from guardhouse.identity.jwks import ALGORITHMS

Claim = tuple[str, ...]

DEFAULT_ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
assert set(DEFAULT_ALGORITHMS) <= ALGORITHMS

CLIENT_CLAIMS: tuple[Claim, ...] = (("azp",), ("client_id",))


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Where in a token the members of a principal stand; None: nowhere."""

    id: Claim = ("sub",)
    groups: Claim | None = None
    roles: Claim | None = None
    scopes: Claim | None = None
    team: Claim | None = None
    tier: Claim | None = None
    attributes: dict[str, Claim] = {}


class Requirement(msgspec.Struct, frozen=True):
    """One of `values` must be the claim, or in it if it is a list; a value that ends with * means a beginning."""

    claim: Claim
    values: tuple[str, ...]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where an issuer's keys come from: the first of these that is set, else the issuer's own discovery document."""

    jwks_file: Path | None = None
    jwks: str | None = None  # URL of the key set
    discovery: str | None = None  # URL of the discovery document
    authorities: Path | None = None  # PEM file: who may vouch for the server's certificate, instead of the system's
    token_file: Path | None = None  # sent as bearer token to the host of the first URL asked, read anew each time


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    issuer: str  # exactly as tokens say in `iss`
    audience: tuple[str, ...]
    source: Source = Source()
    algorithms: frozenset[str] = frozenset(DEFAULT_ALGORITHMS)
    clients: frozenset[str] = frozenset()  # empty: any client of the issuer
    claims: Claims = Claims()
    require: tuple[Requirement, ...] = ()
    strong: tuple[Requirement, ...] = ()  # any of these met: several factors were shown
    prefix: str = ""  # what stands before the id, so that issuers cannot speak for each other's principals
    skew: float = 30.0  # seconds that clocks may differ
    max_age: float | None = None  # seconds after `iat`, however long the token says it lives
    refresh: float = 300.0  # seconds between two looks at the keys
    pause: float = 10.0  # seconds between two at least, when tokens name keys that are not known
    stale_after: float = 43_200.0  # seconds that the last good keys are used for
