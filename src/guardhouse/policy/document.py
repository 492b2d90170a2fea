"""The configuration as it is written, decoded: names still refer to each other, secrets are still references.

Between schema.py, which reads it, and compile.py, which resolves it. The restart-only part is made of the structs of
settings.py themselves; what a reload may change is here. Two documents with equal content are equal whatever their
layout, so the revision is taken from this (compile.py).
"""

from pathlib import Path
from typing import Literal

import msgspec

from guardhouse.limits.capacity import Capacity, Tiers
from guardhouse.model.dialect import DialectName
from guardhouse.model.operation import Operation
from guardhouse.policy.network import Url
from guardhouse.policy.reaching import TargetTls, Timeouts
from guardhouse.policy.references import Reference
from guardhouse.policy.resilience import Breaking, Checking
from guardhouse.policy.sections.content import Content
from guardhouse.policy.sections.contracts import ContractEntry
from guardhouse.policy.sections.effects import Effects
from guardhouse.policy.sections.features import Flags
from guardhouse.policy.sections.hours import HoursEntry
from guardhouse.policy.sections.identity import IdentityEntry
from guardhouse.policy.sections.networks import Networks
from guardhouse.policy.sections.parameters import Parameters
from guardhouse.policy.sections.pins import Pin
from guardhouse.policy.sections.prices import PriceEntry
from guardhouse.policy.sections.regions import KeepIn, RegionEntry
from guardhouse.policy.sections.residency import ResidencyEntry
from guardhouse.policy.sections.resilience import How, Repeat
from guardhouse.policy.sections.routes import RouteEntry
from guardhouse.policy.sections.signatures import SignaturesEntry
from guardhouse.policy.sections.when import When
from guardhouse.policy.sections.who import Who
from guardhouse.policy.settings import Admin, Audit, LimitsStore, Listen, Metrics, Signins, SuspendRule, Upstream

Effect = Literal["allow", "deny", "restrict"]


class TargetEntry(msgspec.Struct, frozen=True, kw_only=True):
    kind: DialectName
    speaks: tuple[DialectName, ...] | None = None
    url: Url
    credential: Reference | None = None
    insecure: bool = False
    region: str | None = None
    capacity: Capacity | None = None
    tls: TargetTls | None = None
    addresses: tuple[str, ...] = ()
    timeouts: Timeouts | None = None
    weight: int | None = None
    breaker: Breaking = Breaking()
    health: Checking | None = None


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    targets: tuple[str, ...]
    name: str | None = None
    price: PriceEntry | None = None
    max_output: int | None = None
    timeouts: Timeouts | None = None
    max_input: int | None = None
    preamble: int = 512
    choose: How = "first"
    sticky_by: str | None = None
    repeat: Repeat = "unsent"
    fallback: tuple[str, ...] = ()
    keep_in: KeepIn | None = None
    version: str | None = None
    versions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    attributes: dict[str, tuple[str, ...]] = {}
    aliases: tuple[str, ...] = ()
    pin: Pin | None = None
    contract: str | None = None
    parameters: Parameters | None = None
    content: Content | None = None
    features: Flags = {}


class PolicyEntry(Effects, frozen=True, kw_only=True):
    name: str
    effect: Effect = "allow"
    who: Who
    may: tuple[Operation, ...]
    models: tuple[str, ...] = ()
    when: When | None = None
    join: dict[str, str] = msgspec.field(default_factory=dict)
    use: tuple[str, ...] = ()
    if_feature: str | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    targets: dict[str, TargetEntry]
    models: dict[str, ModelEntry]
    policies: tuple[PolicyEntry, ...]
    version: int = 1
    listen: Listen = Listen()
    upstream: Upstream = Upstream()
    admin: Admin = Admin()
    state: Path = Path("guardhouse-state")
    workers: int = 1
    limits_scope: Literal["process"] | None = None
    limits_store: LimitsStore | None = None
    audit: Audit = Audit()
    metrics: Metrics = Metrics()
    identity: IdentityEntry = IdentityEntry()
    signins: Signins = Signins()
    suspend: tuple[SuspendRule, ...] = ()
    networks: Networks = {}
    tiers: Tiers = ()
    hours: dict[str, HoursEntry] = {}
    routes: dict[str, RouteEntry] = {}
    bundles: dict[str, Effects] = {}
    contracts: dict[str, ContractEntry] = {}
    signatures: SignaturesEntry | None = None
    features: Flags = {}
    regions: dict[str, RegionEntry] = {}
    residency: ResidencyEntry = ResidencyEntry()
