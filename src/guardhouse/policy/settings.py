"""What a process is started with and keeps until it is started again; the counterpart of snapshot.py.

Listeners, deadlines, sizes, the state directory and the number of workers cannot change under a running exchange, so
they are another type than what a reload may swap. The defaults written here are the defaults of the configuration: the
decoder and the published schema read them from these structs, and docs/configuration.md is held to them by a test.
Durations are seconds, sizes are bytes, paths are absolute once loaded.
"""

from pathlib import Path
from typing import Literal

import msgspec

from guardhouse.identity.clients import Clients
from guardhouse.identity.guard import Patience
from guardhouse.identity.issuers import Issuer
from guardhouse.limits.rate import Rate
from guardhouse.policy.references import Reference
from guardhouse.policy.resilience import Retries

KIB = 1024
MIB = 1024 * KIB


class Address(msgspec.Struct, frozen=True):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    certificate: Path
    key: Path
    clients: Clients | None = None


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long a caller may take, in seconds."""

    header: float = 10.0
    body: float = 60.0
    idle: float = 75.0
    write: float = 60.0


class ListenLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a caller may send."""

    headers: int = 100
    header_bytes: int = 32 * KIB
    body: int = 32 * MIB
    parts: int = 100_000  # objects and strings of a body
    minimum_rate: int = KIB  # bytes per second of a body that is under way
    pipelined: int = 16
    connections_per_address: int = 4096
    memory: int = 256 * MIB  # of each worker, for all requests together


class HeaderRules(msgspec.Struct, frozen=True, kw_only=True):
    """Which headers a request may have; names in small letters."""

    allow: tuple[str, ...] | None = None  # None: any
    refuse: tuple[str, ...] = ()


class GrpcListen(msgspec.Struct, frozen=True, kw_only=True):
    address: Address


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    address: Address = Address("127.0.0.1", 8080)
    grpc: GrpcListen | None = None
    tls: Tls | None = None
    plaintext: bool = False  # said explicitly: callers beyond this machine without TLS
    deadlines: Deadlines = Deadlines()
    limits: ListenLimits = ListenLimits()
    headers: HeaderRules | None = None


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """Patience with model servers in seconds, and how much of them is used."""

    connect: float = 5.0
    tls: float = 5.0
    write: float = 60.0
    first_byte: float = 120.0
    between_bytes: float = 60.0
    whole: float | None = None  # None: as long as it flows
    idle: float = 30.0
    credential_stale: float = 300.0
    connections: int = 1024
    response_body: int = 64 * MIB
    memory: int = 256 * MIB  # of each worker, for all answers together
    retries: Retries = Retries()


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """How long people stay signed in at the admin port, in seconds."""

    idle: float = 1800.0
    longest: float = 43_200.0


class Assertions(msgspec.Struct, frozen=True, kw_only=True):
    """In which attributes of a SAML assertion the members of a principal stand."""

    id: str | None = None  # None: the subject's NameID
    groups: str | None = None
    roles: str | None = None
    team: str | None = None
    tier: str | None = None
    attributes: dict[str, str] = {}


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Who vouches for people that sign in at the admin port."""

    kind: Literal["oidc", "saml"] = "oidc"
    issuer: str | None = None  # OpenID Connect: the name of one in Identity.issuers
    client: str | None = None
    secret: Reference | None = None
    scopes: tuple[str, ...] | None = None
    metadata: Path | None = None  # SAML: the provider's metadata
    assertions: Assertions | None = None
    strong: tuple[str, ...] = ()  # SAML: contexts of authentication with several factors
    region: str | None = None  # it learns who signs in


class Admin(msgspec.Struct, frozen=True, kw_only=True):
    address: Address = Address("127.0.0.1", 9090)
    exposed: bool = False  # said explicitly: the admin port beyond this machine
    url: str | None = None  # as browsers call it, where that is not the address
    sessions: Sessions = Sessions()
    people: dict[str, Provider] = {}


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    segment: int = 64 * MIB
    durability: Literal["process", "power"] = "process"


class UserLabel(msgspec.Struct, frozen=True):
    """How a principal appears in metrics: by id, as one of `buckets` buckets, or not at all."""

    kind: Literal["id", "none", "bucket"] = "id"
    buckets: int = 0

    def __str__(self) -> str:
        return f"bucket:{self.buckets}" if self.kind == "bucket" else self.kind


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    user: UserLabel = UserLabel()
    series: int = 10_000
    region: str | None = None  # of whoever collects them; None: here, where they are served on loopback only


class OwnTokens(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens that the gateway mints: how long one lives, in seconds, and how many a principal may have."""

    lifetime: float = 900.0
    longest: float = 43_200.0
    rate: Rate = Rate(60, 60.0)
    live: int = 1000


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    stale_after: float = 900.0  # seconds that workers go on with the keys they last saw
    tokens: OwnTokens = OwnTokens()
    issuers: dict[str, Issuer] = {}  # resolved from what is written: sections/identity.py


class Signins(Patience, frozen=True, kw_only=True):
    """Sign-ins that fail, use of a credential that is an event, and how often people may try; times in seconds."""

    networks: int = 5
    at_once: float = 600.0
    settled: float = 86_400.0
    dormant: float = 2_592_000.0
    attempts: Rate = Rate(60, 60.0)
    attempts_in_all: Rate = Rate(600, 60.0)


class StoreUrl(msgspec.Struct, frozen=True):
    host: str
    port: int
    database: int = 0
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{host}:{self.port}/{self.database}"


class LimitsStore(msgspec.Struct, frozen=True, kw_only=True):
    """The store in which several workers or machines count limits together."""

    url: StoreUrl
    user: str | None = None
    password: Reference | None = None
    insecure: bool = False
    away: Literal["open", "closed", "local"] = "local"
    machines: int = 1
    timeout: float = 0.1
    prefix: str = "guardhouse"
    region: str | None = None


class SuspendRule(msgspec.Struct, frozen=True, kw_only=True):
    """So many refusals of one principal are too many."""

    name: str
    reasons: tuple[str, ...]
    above: Rate
    lasting: float | None = None  # seconds; None: tell of it, and suspend nobody


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    listen: Listen = Listen()
    upstream: Upstream = Upstream()
    admin: Admin = Admin()
    state: Path = Path("guardhouse-state")
    workers: int = 1
    limits_scope: Literal["process"] | None = None
    limits_store: LimitsStore | None = None
    audit: Audit = Audit()
    metrics: Metrics = Metrics()
    identity: Identity = Identity()
    signins: Signins = Signins()
    suspend: tuple[SuspendRule, ...] = ()
