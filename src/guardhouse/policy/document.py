"""The configuration as it is written, decoded: names still refer to each other, secrets are still references.

Between schema.py, which reads it, and compile.py, which resolves it. The restart-only part is made of the structs of
settings.py themselves; what a reload may change is here. Two documents with equal content are equal whatever their
layout, so the revision is taken from this (compile.py).
"""

from pathlib import Path
from typing import Literal

import msgspec

from guardhouse.limits.rate import Rate
from guardhouse.model.entity import SECRETS, Entity
from guardhouse.model.operation import Operation
from guardhouse.policy.network import Url
from guardhouse.policy.references import Reference
from guardhouse.policy.settings import Admin, Audit, Identity, Listen, Metrics, Signins, Upstream

Side = Literal["request", "response"]


class TargetEntry(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["openai"]
    url: Url
    credential: Reference | None = None
    insecure: bool = False


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    targets: tuple[str, ...]
    name: str | None = None


class Who(msgspec.Struct, frozen=True, kw_only=True):
    ids: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    requests: Rate | None = None
    tokens: Rate | None = None


class Mask(msgspec.Struct, frozen=True, kw_only=True):
    entities: tuple[Entity, ...] = (SECRETS,)
    where: tuple[Side, ...] = ("request", "response")


class PolicyEntry(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    who: Who
    may: tuple[Operation, ...]
    models: tuple[str, ...]
    limits: Limits | None = None
    mask: Mask | None = None  # None: the default of Mask
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
    audit: Audit = Audit()
    metrics: Metrics = Metrics()
    identity: Identity = Identity()
    signins: Signins = Signins()
