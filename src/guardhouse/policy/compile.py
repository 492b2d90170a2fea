"""A document that has passed every check becomes what the processes run on.

Names are resolved, patterns are matched against the configured models once and for all, and policies are indexed by
whom they speak of and what they give (see snapshot.py). Nothing here can fail: whatever could be wrong has been told.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from guardhouse.limits.capacity import ONE_TIER
from guardhouse.model.dialect import SPOKEN
from guardhouse.model.operation import ON_MODELS, Operation
from guardhouse.model.secret import Secret
from guardhouse.policy.callers import Callers
from guardhouse.policy.conditions import Conditions
from guardhouse.policy.contracts.rules import rules_of
from guardhouse.policy.document import Document, ModelEntry, PolicyEntry, TargetEntry
from guardhouse.policy.granting import grant_of
from guardhouse.policy.labels import regions_of, residency_of
from guardhouse.policy.reaching import located as located_tls
from guardhouse.policy.references import Reference
from guardhouse.policy.resilience import Choosing
from guardhouse.policy.sections import may, people, routes
from guardhouse.policy.sections.clients import located
from guardhouse.policy.sections.features import Features
from guardhouse.policy.sections.hours import Calendar
from guardhouse.policy.sections.identity import resolved
from guardhouse.policy.sections.networks import Atlas
from guardhouse.policy.sections.pins import Pinned, aliases_of
from guardhouse.policy.sections.prices import price
from guardhouse.policy.sections.regions import keep_of
from guardhouse.policy.sections.signatures import compiled
from guardhouse.policy.sections.when import When
from guardhouse.policy.selecting import models_of
from guardhouse.policy.settings import LimitsStore, Settings
from guardhouse.policy.shares import NO_SHARES, Shares
from guardhouse.policy.snapshot import Model, Policies, Policy, Snapshot, Target

Secrets = Mapping[Reference, Secret]


def compile_settings(document: Document, base: Path) -> Settings:
    """The restart-only part; relative paths become absolute from `base`, the folder of the configuration."""
    listen = document.listen
    if listen.tls is not None:
        tls = msgspec.structs.replace(
            listen.tls,
            certificate=base / listen.tls.certificate,
            key=base / listen.tls.key,
            clients=located(listen.tls.clients, base),
        )
        listen = msgspec.structs.replace(listen, tls=tls)
    return Settings(
        listen=listen,
        upstream=document.upstream,
        admin=people.located(document.admin, base),
        state=base / document.state,
        workers=document.workers,
        limits_scope=document.limits_scope,
        limits_store=_store(document.limits_store, base),
        audit=document.audit,
        metrics=document.metrics,
        identity=resolved(document.identity, base),
        signins=document.signins,
        suspend=document.suspend,
    )


def _store(store: LimitsStore | None, base: Path) -> LimitsStore | None:
    """A file that holds its password is named in full, because the workers fetch it."""
    if store is None or store.password is None or store.password.kind != "file":
        return store
    return msgspec.structs.replace(store, password=Reference("file", str(base / store.password.name)))


def compile_snapshot(document: Document, secrets: Secrets, shares: Shares = NO_SHARES, base: Path = Path()) -> Snapshot:
    """`shares` says for whom a feature is on; without a gateway's own, for others than there. Files are looked for from
    `base`."""
    targets = {name: _target(name, entry, secrets, base) for name, entry in document.targets.items()}
    policies = tuple(_policy(entry, document) for entry in document.policies)
    features = Features(document.features, [policy.if_feature for policy in policies], shares)
    return Snapshot(
        revision=revision(document),
        models={name: _model(name, entry, targets, document, shares) for name, entry in document.models.items()},
        signatures=compiled(document.signatures, secrets),
        aliases=aliases_of(document.models),
        targets=targets,
        tiers=document.tiers or ONE_TIER,
        policies=policies,
        allows=_bits(policy.effect == "allow" for policy in policies),
        denies=_bits(policy.effect == "deny" for policy in policies),
        callers=Callers([policy.who for policy in policies], features),
        features=features,
        residency=residency_of(document),
        conditions=Conditions([policy.when for policy in policies], Atlas(document.networks), Calendar(document.hours)),
        operations=_index([policy.operations for policy in policies]),
        uses=_uses(policies, document),
        joins=_joins(policies),
        routes=routes.compiled(document.routes),
        at_large=_index([_at_large(policy, document) for policy in policies]),
    )


def revision(document: Document) -> str:
    """Names the content: layout, comments, order of keys and the values of secrets do not count."""
    content = msgspec.json.encode(document, enc_hook=str, order="sorted")
    return hashlib.sha256(content).hexdigest()[:16]


def _target(name: str, entry: TargetEntry, secrets: Secrets, base: Path) -> Target:
    reference = entry.credential
    followed = None if reference is None or reference.kind != "file" else reference
    return Target(
        name=name,
        kind=entry.kind,
        speaks=SPOKEN[entry.kind] if entry.speaks is None else frozenset(entry.speaks),
        scheme=entry.url.scheme,
        host=entry.url.host,
        port=entry.url.port,
        base_path=entry.url.path,
        credential=None if entry.credential is None else secrets[entry.credential],
        credential_from=None if followed is None else Reference("file", str(base / followed.name)),
        tls=located_tls(entry.tls, base),
        addresses=entry.addresses,
        timeouts=entry.timeouts,
        region=entry.region or "",
        capacity=entry.capacity,
        weight=entry.weight or 1,
        breaker=entry.breaker,
        health=entry.health,
    )


def _model(name: str, entry: ModelEntry, targets: Mapping[str, Target], document: Document, shares: Shares) -> Model:
    return Model(
        name=name,
        targets=tuple(targets[target] for target in entry.targets),
        upstream_name=entry.name or name,
        price=price(entry.price),
        max_output=entry.max_output or 0,
        timeouts=entry.timeouts,
        choose=None if entry.choose == "first" else Choosing(how=entry.choose, by=entry.sticky_by or "principal"),
        repeatable=entry.repeat == "unanswered",
        fallback=entry.fallback,
        max_input=entry.max_input or 0,
        preamble=entry.preamble,
        version=entry.version or "",
        versions=entry.versions,
        tags=frozenset(entry.tags),
        attributes={attribute: frozenset(values) for attribute, values in entry.attributes.items()},
        pinned=None if entry.pin is None else Pinned(entry.pin, entry.name or name),
        rules=rules_of(entry, document.contracts, shares),
        keep=keep_of(entry.keep_in, f"model {name}", regions_of(document)) if entry.keep_in else (),
    )


def _policy(entry: PolicyEntry, document: Document) -> Policy:
    return Policy(
        name=entry.name,
        effect=entry.effect,
        who=entry.who,
        operations=may.operations_of(entry.may, entry.effect),
        models=models_of(entry, document),
        when=entry.when or When(),
        if_feature=entry.if_feature,
        join=tuple(entry.join.items()),
        grant=grant_of(entry, document),
    )


def _uses(policies: tuple[Policy, ...], document: Document) -> dict[str, dict[Operation, Policies]]:
    uses: dict[str, dict[Operation, Policies]] = {name: {} for name in document.models}
    for number, policy in enumerate(policies):
        for name in policy.models:
            for operation in policy.operations & ON_MODELS:
                uses[name][operation] = uses[name].get(operation, 0) | 1 << number
    return uses


def _joins(policies: tuple[Policy, ...]) -> tuple[tuple[str, str, Policies], ...]:
    """Each pair that any policy joins by, with those policies."""
    asking: dict[tuple[str, str], Policies] = {}
    for number, policy in enumerate(policies):
        for pair in policy.join:
            asking[pair] = asking.get(pair, 0) | 1 << number
    return tuple((name, attribute, those) for (name, attribute), those in asking.items())


def _at_large(policy: Policy, document: Document) -> frozenset[Operation]:
    """The operations it speaks of where no single model is concerned. To look at the list of models is denied by a
    policy that denies all of them; one that denies some denies those."""
    if policy.effect == "deny" and (policy.join or policy.models != document.models.keys()):
        return policy.operations - ON_MODELS
    return policy.operations


def _index(sets: Iterable[frozenset[Operation]]) -> dict[Operation, Policies]:
    """For each operation that any policy has in its set, all policies that have it."""
    index: dict[Operation, Policies] = {}
    for number, operations in enumerate(sets):
        for operation in operations:
            index[operation] = index.get(operation, 0) | 1 << number
    return index


def _bits(flags: Iterable[bool]) -> Policies:
    return sum(1 << number for number, flag in enumerate(flags) if flag)
