"""A document that has passed every check becomes what the processes run on.

Names are resolved, patterns are matched against the configured models once and for all, and policies are indexed by
whom they speak of and what they give (see snapshot.py). Nothing here can fail: whatever could be wrong has been told.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from guardhouse.limits.rate import LimitRule
from guardhouse.model.entity import NO_ENTITIES
from guardhouse.model.operation import Operation
from guardhouse.model.secret import Secret
from guardhouse.policy.checks import matched
from guardhouse.policy.document import Document, Mask, PolicyEntry, TargetEntry
from guardhouse.policy.references import Reference
from guardhouse.policy.settings import Settings
from guardhouse.policy.snapshot import Grant, Model, Policies, Policy, Snapshot, Target

T = TypeVar("T")
Secrets = Mapping[Reference, Secret]


def compile_settings(document: Document, base: Path) -> Settings:
    """The restart-only part; relative paths become absolute from `base`, the folder of the configuration."""
    listen = document.listen
    if listen.tls is not None:
        tls = msgspec.structs.replace(listen.tls, certificate=base / listen.tls.certificate, key=base / listen.tls.key)
        listen = msgspec.structs.replace(listen, tls=tls)
    return Settings(
        listen=listen,
        upstream=document.upstream,
        admin=document.admin,
        state=base / document.state,
        workers=document.workers,
        limits_scope=document.limits_scope,
        audit=document.audit,
        metrics=document.metrics,
        identity=document.identity,
        signins=document.signins,
    )


def compile_snapshot(document: Document, secrets: Secrets) -> Snapshot:
    targets = {name: _target(name, entry, secrets) for name, entry in document.targets.items()}
    models = {
        name: Model(
            name=name, targets=tuple(targets[target] for target in entry.targets), upstream_name=entry.name or name
        )
        for name, entry in document.models.items()
    }
    policies = tuple(_policy(entry, set(models)) for entry in document.policies)
    return Snapshot(
        revision=revision(document),
        models=models,
        targets=targets,
        policies=policies,
        everybody=_bits(policy.everybody for policy in policies),
        ids=_index([policy.ids for policy in policies]),
        groups=_index([policy.groups for policy in policies]),
        operations=_index([policy.operations for policy in policies]),
        uses={name: _uses(policies, name) for name in models},
    )


def revision(document: Document) -> str:
    """Names the content: layout, comments, order of keys and the values of secrets do not count."""
    content = msgspec.json.encode(document, enc_hook=str, order="sorted")
    return hashlib.sha256(content).hexdigest()[:16]


def _target(name: str, entry: TargetEntry, secrets: Secrets) -> Target:
    return Target(
        name=name,
        kind=entry.kind,
        scheme=entry.url.scheme,
        host=entry.url.host,
        port=entry.url.port,
        base_path=entry.url.path,
        credential=None if entry.credential is None else secrets[entry.credential],
    )


def _policy(entry: PolicyEntry, models: set[str]) -> Policy:
    return Policy(
        name=entry.name,
        ids=frozenset(entry.who.ids) - {"*"},
        groups=frozenset(entry.who.groups),
        everybody="*" in entry.who.ids,
        operations=frozenset(entry.may),
        models=frozenset(name for glob in entry.models for name in matched(glob, models)),
        grant=_grant(entry),
    )


def _grant(entry: PolicyEntry) -> Grant:
    mask = entry.mask or Mask()
    masked = NO_ENTITIES
    for entity in mask.entities:
        masked |= entity
    limits = entry.limits
    rules = () if limits is None else (LimitRule(entry.name, limits.requests, limits.tokens),)
    return Grant(
        policies=(entry.name,),
        mask_request=int(masked) if "request" in mask.where else 0,
        mask_response=int(masked) if "response" in mask.where else 0,
        refuse_unknown_fields=entry.unknown_fields == "refuse",
        limits=rules,
    )


def _uses(policies: tuple[Policy, ...], model: str) -> dict[Operation, Policies]:
    nothing: frozenset[Operation] = frozenset()
    return _index([policy.operations if model in policy.models else nothing for policy in policies])


def _index(sets: Sequence[frozenset[T]]) -> dict[T, Policies]:
    """For each thing that any policy has in its set, all policies that have it."""
    index: dict[T, Policies] = {}
    for number, things in enumerate(sets):
        for thing in things:
            index[thing] = index.get(thing, 0) | 1 << number
    return index


def _bits(flags: Iterable[bool]) -> Policies:
    return sum(1 << number for number, flag in enumerate(flags) if flag)
