"""Who is calling. A principal exists only as the result of a successful identification; there is no anonymous one.

What a method of identification can attest goes into the same members, so that policies never ask how somebody was
identified unless they mean to (`method`, `strength`). Members that a method knows nothing of stay empty, and an empty
member satisfies no selector.

`narrowings` is how rights are delegated: a token that was exchanged for another carries everything its grantor is
(groups too, because a policy may deny by group) and one narrowing more. A use is allowed only if every narrowing
includes it, so whatever the policies say, a delegate can do no more than its grantor.
"""

from typing import Literal

import msgspec

from guardhouse.model.operation import Operation

# how somebody was identified in the first place; what was exchanged for that keeps it. `token`: signed in as a person
Method = Literal["api_key", "oidc", "mtls", "token"]
Strength = Literal["single", "strong"]  # `strong`: several factors, or a key that cannot be copied


class Narrowing(msgspec.Struct, frozen=True):
    """None: not narrowed in this respect. An empty set allows nothing."""

    operations: frozenset[Operation] | None = None
    models: frozenset[str] | None = None  # names of models, no patterns


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated caller: `id` is stable and names it in policies, limits, the journal and metrics."""

    id: str
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    team: str = ""
    tier: str = ""
    attributes: dict[str, frozenset[str]] = {}  # name -> values; never changed once made
    method: Method = "api_key"
    strength: Strength = "single"
    credential_id: str  # the public part of the credential, safe to log
    credential_made: float = 0.0  # Unix time; 0 when unknown. Detection leaves new credentials alone for 48 h
    expires_at: float | None = None  # Unix time at which this identification ends
    narrowings: tuple[Narrowing, ...] = ()
    grantors: tuple[str, ...] = ()  # ids of the credentials that this one descends from, the first one first
    issuer: str = ""  # name of the configured issuer that vouched for it; empty for the gateway's own keys
