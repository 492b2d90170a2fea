"""Do models, their model servers and what is said of their requests fit together?

References lead somewhere, every server is used and every model can be used by somebody, the ways of choosing, waiting
and falling back have something to choose from. What policies say of models is naming.py.
"""

from collections.abc import Iterator

from guardhouse.policy.document import Document
from guardhouse.policy.problem import Path, unknown
from guardhouse.policy.sections import (
    capacity,
    content,
    contracts,
    kserve,
    parameters,
    pins,
    prices,
    reaching,
    resilience,
    routes,
)
from guardhouse.policy.selecting import models_of, selected
from guardhouse.policy.unreadable import Unread, any_unread, names

Finding = tuple[Path, str]


def findings(document: Document, unread: Unread) -> Iterator[Finding]:
    yield from _targets(document, unread)
    yield from _capacities(document, unread)
    yield from _resilience(document, unread)
    yield from _contracts(document, unread)
    yield from _unreachable(document, unread)
    yield from _declared(document, unread)


def _targets(document: Document, unread: Unread) -> Iterator[Finding]:
    known = names("targets", document.targets, unread)
    used = {target for model in document.models.values() for target in model.targets}
    yield from kserve.targets(document)
    for name, model in document.models.items():
        for path, message in prices.priced_alike(model.price):
            yield ("models", name, *path), message
        yield from kserve.names(name, model, document)
        for index, target in enumerate(model.targets):
            if target not in known:
                yield ("models", name, "targets", index), unknown("target", target, known)
    if used <= known and not any_unread("models", unread):  # else one may be meant by a name that is misspelt
        for name in document.targets:
            if name not in used:
                yield ("targets", name), "no model uses this target"


def _capacities(document: Document, unread: Unread) -> Iterator[Finding]:
    known, bounded = names("models", document.models, unread), set[str]()
    for name, entry in document.targets.items():
        if entry.capacity is not None:
            bounded.add(name)
            for path, message in capacity.capacity_findings(entry.capacity, document.workers):
                yield ("targets", name, "capacity", *path), message
    if any_unread("targets", unread) or any_unread("models", unread):
        return
    fallbacks = {name: model.fallback for name, model in document.models.items() if model.fallback}
    yield from capacity.tier_findings(document.tiers, bounded=bool(bounded), fallbacks=bool(fallbacks))
    for name, chain in fallbacks.items():
        for path, message in capacity.fallback_findings(name, chain, known):
            yield ("models", name, *path), message


def _resilience(document: Document, unread: Unread) -> Iterator[Finding]:
    for name, entry in document.targets.items():
        for path, message in resilience.breaker_findings(entry.breaker):
            yield ("targets", name, "breaker", *path), message
        for path, message in reaching.findings(entry.url, entry.tls, entry.addresses):
            yield ("targets", name, *path), message
    if any_unread("targets", unread) or any_unread("models", unread):
        return
    weights = {name: entry.weight for name, entry in document.targets.items()}
    chosen = {
        name: resilience.Chosen(
            how=model.choose,
            sticky_by=model.sticky_by,
            weights=tuple(weights.get(target) for target in model.targets),
        )
        for name, model in document.models.items()
    }
    yield from resilience.choice_findings(chosen)
    counting = {target for model in document.models.values() if model.choose != "first" for target in model.targets}
    yield from resilience.weight_findings(weights, counting)


def _contracts(document: Document, unread: Unread) -> Iterator[Finding]:
    """What models say of their requests, and the contracts that they name."""
    yield from pins.findings(document.models)
    known = names("contracts", document.contracts, unread)
    used = {entry.contract for entry in document.models.values() if entry.contract is not None}
    if not any_unread("models", unread):
        found = contracts.findings(document.contracts, used)
        yield from ((("contracts", *place), message) for place, message in found)
    for name, entry in document.models.items():
        if entry.contract is not None and entry.contract not in known:
            yield ("models", name, "contract"), unknown("contract", entry.contract, known)
        for key, found in (
            ("parameters", parameters.findings(entry.parameters)),
            ("content", content.findings(entry.content)),
        ):
            yield from ((("models", name, key, *place), message) for place, message in found)
        if entry.content is not None and entry.content.stored and entry.features.get("stored") == 0:
            yield ("models", name, "content", "stored"), "has no effect: the feature stored is off"
        for word, share in entry.features.items():
            if share >= 100:
                yield ("models", name, "features", word), "is on without being said"


def _unreachable(document: Document, unread: Unread) -> Iterator[Finding]:
    """Models that are configured but that nobody can be allowed to use, unless a policy may mean them and misses."""
    if any_unread("policies", unread) or any_unread("targets", unread):
        return
    if not all(selected(pattern, document.models) for policy in document.policies for pattern in policy.models):
        return
    usable: set[str] = set()
    for policy in document.policies:
        if policy.effect == "allow" and any(operation.access == "infer" for operation in policy.may):
            usable |= models_of(policy, document)
    for name in document.models:
        if name not in usable:
            yield ("models", name), "no policy lets anybody use this model"


def _declared(document: Document, unread: Unread) -> Iterator[Finding]:
    """Routes of model servers without a dialect of their own."""
    if any(any_unread(section, unread) for section in ("routes", "policies", "models", "targets")):
        return
    allowing = [policy for policy in document.policies if policy.effect == "allow"]
    uses = {(use, name) for policy in allowing for use in policy.may for name in models_of(policy, document)}
    found = routes.findings(document.routes, document.models, document.targets, lambda use, name: (use, name) in uses)
    yield from ((("routes", *place), message) for place, message in found)
