"""Everything that decides over an exchange, compiled and frozen; a reload swaps one snapshot for the next as a whole.

Policies are numbered in the order of the file and a set of them is one integer with a bit per policy, so that "those
that speak of this caller and of this use" is one `&` however many there are. `callers` says whom a policy speaks of,
`operations` and `uses` say of what, `conditions` under which circumstances; `allows` and `denies` say to which effect.
A model that is not in `models` is in no other index.

`revision` names the content of the configuration whatever its layout and comments, and a secret counts only by its
reference: exchanges with the same revision were decided under the same rules. compile.py builds these structs and
decide.py reads them; a new thing that a policy can say needs both, trace.py, and a place in `Grant` if the data path is
to act on it. What decide.py has worked out already it keeps here, in `grants`; that changes no answer.
"""

from typing import Literal, final

import msgspec

from guardhouse.identity.signing import Signatures
from guardhouse.limits.capacity import ONE_TIER, Capacity, Tiers
from guardhouse.limits.quota import Price
from guardhouse.limits.rate import LimitRule
from guardhouse.model.dialect import DialectName
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.model.secret import Secret
from guardhouse.policy.callers import Callers
from guardhouse.policy.conditions import Conditions
from guardhouse.policy.contracts.rules import NO_RULES, Rules
from guardhouse.policy.reaching import TargetTls, Timeouts
from guardhouse.policy.references import Reference
from guardhouse.policy.resilience import Breaking, Checking, Choosing
from guardhouse.policy.sections.features import NO_FEATURES, Features
from guardhouse.policy.sections.pins import Pinned
from guardhouse.policy.sections.when import When
from guardhouse.policy.sections.who import Who
from guardhouse.residency.bounds import Residency
from guardhouse.residency.keeping import Keep
from guardhouse.wire.dialects.dialect import Route

Policies = int  # a set of policies: bit n is policy n of the file


Effect = Literal["allow", "deny", "restrict"]


class Target(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """A model server: where it listens and how the gateway proves itself to it."""

    name: str
    kind: DialectName
    speaks: frozenset[DialectName] = frozenset(("openai",))  # the dialects in which it takes requests
    scheme: Literal["http", "https"]
    host: str
    port: int
    base_path: str = ""  # without trailing slash
    credential: Secret | None = None
    credential_from: Reference | None = None  # a file, by its whole path: it may be renewed
    tls: TargetTls | None = None
    addresses: tuple[str, ...] = ()  # where it may be; none: as model/addresses.py says
    timeouts: Timeouts | None = None
    region: str = ""
    capacity: Capacity | None = None
    weight: int = 1
    breaker: Breaking = Breaking()
    health: Checking | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    targets: tuple[Target, ...]
    upstream_name: str
    price: Price | None = None
    max_output: int = 0  # tokens of its longest answer; 0 where nobody said
    timeouts: Timeouts | None = None
    max_input: int = 0  # likewise
    preamble: int = 0  # tokens that its template says by itself
    choose: Choosing | None = None  # None: in the order of `targets`
    repeatable: bool = False  # what was sent and not answered may be sent again, whatever the operation
    fallback: tuple[str, ...] = ()  # names of other models, the best first
    version: str = ""
    versions: tuple[str, ...] = ()  # those that callers may name, the first being what goes upstream if they name none
    tags: frozenset[str] = frozenset()
    attributes: dict[str, frozenset[str]] = {}
    pinned: Pinned | None = None  # what its targets may call it in their answers
    rules: Rules = NO_RULES  # what its requests must look like
    keep: Keep = ()  # where its bytes may be, whoever uses it


class Approval(msgspec.Struct, frozen=True):
    """A policy wants a person's consent to a use."""

    policy: str
    by: tuple[str, ...]  # groups


@final
class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What all policies that match a use say about it together: the union of masks, every limit, the strictest rest."""

    policies: tuple[str, ...]
    mask_request: int  # bits of Entity, as plain integers: on the path an operation on flags costs half a microsecond
    mask_response: int
    refuse_unknown_fields: bool
    limits: tuple[LimitRule, ...]
    signed: bool = False  # only with a signature
    injection: Literal["", "flag", "block"] = ""  # what becomes of injections in structured parameters
    cap_output: bool = False  # one of the limits shortens answers
    bounded: bool = False  # one of them is a budget that reserves the most that can be used
    approvals: tuple[Approval, ...] = ()  # all of them are needed
    route: frozenset[str] | None = None  # the only targets that may serve it; None: every one of the model
    keep: Keep = ()  # where the bytes of the use may be; all of it must be met
    flags: tuple[str, ...] = ()
    unevaluated: tuple[str, ...] = ()  # policies whose expression failed and that were taken against the caller


@final
class Refusal(msgspec.Struct, frozen=True):
    """Why a use is not granted. `policies` are those that deny it, or whose conditions are not met; often none."""

    reason: Reason
    policies: tuple[str, ...] = ()
    unevaluated: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    effect: Effect
    who: Who
    operations: frozenset[Operation]
    models: frozenset[str]  # configured names that its patterns mean
    when: When
    if_feature: str | None = None
    join: tuple[tuple[str, str], ...] = ()  # member or attribute of the principal, attribute of the model
    grant: Grant  # what it says when it is the only one that matches


class Seen(msgspec.Struct, frozen=True):
    """What a list has shown, and to whom: it holds as long as the credential stands for the very same principal."""

    principal: Principal
    models: tuple[str, ...]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    revision: str
    models: dict[str, Model]
    signatures: Signatures | None = None
    aliases: dict[str, str] = {}  # other names of models
    targets: dict[str, Target]
    tiers: Tiers = ONE_TIER
    policies: tuple[Policy, ...]
    allows: Policies
    denies: Policies
    callers: Callers
    features: Features = NO_FEATURES
    residency: Residency | None = None  # None: no rule is said
    conditions: Conditions
    operations: dict[Operation, Policies]
    uses: dict[str, dict[Operation, Policies]]  # model -> operation -> policies that speak of it
    joins: tuple[tuple[str, str, Policies], ...]  # what principal and model must share, and the policies that ask it
    routes: dict[bytes, Route] = {}  # those that the configuration declares, by path
    at_large: dict[Operation, Policies]  # those that speak of an operation where no single model is concerned
    grants: dict[Policies, Grant] = {}  # by the policies that are united in it
    lists: dict[tuple[str, DialectName], Seen] = {}  # of models, by credential and dialect
