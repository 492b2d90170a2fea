"""The configuration as it is written, decoded: names still refer to each other, secrets are still references.

Between schema.py, which reads it, and compile.py, which resolves it. The restart-only part is made of the structs of
settings.py themselves; what a reload may change is here. Two documents with equal content are equal whatever their
layout, so the revision is taken from this (compile.py).
"""

from pathlib import Path
from typing import Literal

import msgspec

from guardhouse.limits.capacity import Capacity, Tiers
from guardhouse.model.entity import SECRETS, Entity
from guardhouse.model.operation import Operation
from guardhouse.policy.network import Url
from guardhouse.policy.references import Reference
from guardhouse.policy.sections.hours import HoursEntry
from guardhouse.policy.sections.identity import IdentityEntry
from guardhouse.policy.sections.limits import Limits
from guardhouse.policy.sections.networks import Networks
from guardhouse.policy.sections.prices import PriceEntry
from guardhouse.policy.sections.when import When
from guardhouse.policy.sections.who import Who
from guardhouse.policy.settings import Admin, Audit, LimitsStore, Listen, Metrics, Signins, Upstream

Side = Literal["request", "response"]
Effect = Literal["allow", "deny", "restrict"]


class TargetEntry(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["openai"]
    url: Url
    credential: Reference | None = None
    insecure: bool = False
    region: str | None = None
    capacity: Capacity | None = None


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    targets: tuple[str, ...]
    name: str | None = None
    price: PriceEntry | None = None
    max_output: int | None = None
    fallback: str | None = None
    version: str | None = None
    tags: tuple[str, ...] = ()
    attributes: dict[str, tuple[str, ...]] = {}


class Mask(msgspec.Struct, frozen=True, kw_only=True):
    entities: tuple[Entity, ...] = (SECRETS,)
    where: tuple[Side, ...] = ("request", "response")


class PolicyEntry(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    effect: Effect = "allow"
    who: Who
    may: tuple[Operation, ...]
    models: tuple[str, ...] = ()
    when: When | None = None
    limits: Limits | None = None
    mask: Mask | None = None  # None: the default of Mask where it allows, nothing where it only restricts
    unknown_fields: Literal["pass", "refuse"] = "pass"


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
    networks: Networks = {}
    tiers: Tiers = ()
    hours: dict[str, HoursEntry] = {}
