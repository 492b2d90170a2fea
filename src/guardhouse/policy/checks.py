"""What the parts of a configuration say of each other: nothing dangling, nothing unused, nothing exposed by accident.

Decoding (schema.py) has judged every value by itself. Here the whole is judged: references lead somewhere, routes are
reachable, and what weakens protection is said explicitly. Whether a single policy can have an effect is inert.py.
A check that would blame a thing for another's unreadability is left out until that other thing can be read.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator

from guardhouse.model.operation import MEASURED_IN_TOKENS
from guardhouse.model.principal import Method
from guardhouse.policy import residing
from guardhouse.policy.cel.expression import faults, literals_in, variables_of
from guardhouse.policy.document import Document, PolicyEntry
from guardhouse.policy.inert import inert_policy
from guardhouse.policy.inert_effects import bundle_findings, inert_routes, inert_uses
from guardhouse.policy.network import is_loopback
from guardhouse.policy.problem import Path, dotted, quote, unknown
from guardhouse.policy.redundant import redundant
from guardhouse.policy.sections import (
    capacity,
    clients,
    content,
    contracts,
    features,
    headers,
    hours,
    identity,
    kserve,
    limits_store,
    parameters,
    people,
    pins,
    prices,
    reaching,
    resilience,
    routes,
    signatures,
    signins,
    suspend,
)
from guardhouse.policy.sections.limits import Limits
from guardhouse.policy.selecting import TAG, is_name, models_of, numbered, selected

Finding = tuple[Path, str]
Unread = frozenset[Path]


def findings(document: Document, unread: Unread) -> Iterator[Finding]:
    """Everything that is wrong with the whole, by place."""
    yield from _exposure(document)
    yield from _memory(document)
    yield from limits_store.findings(document.limits_store, document.workers, document.limits_scope)
    yield from _credentials(document)
    yield from ((("identity", *place), message) for place, message in identity.findings(document.identity))
    yield from signins.findings(document.signins)
    yield from suspend.findings(document.suspend)
    yield from people.findings(document.admin, document.identity.issuers, unread)
    yield from clients.findings(None if document.listen.tls is None else document.listen.tls.clients)
    yield from _targets(document, unread)
    yield from _capacities(document, unread)
    yield from _resilience(document, unread)
    found = headers.findings(document.listen.headers)
    yield from ((("listen", "headers", *place), message) for place, message in found)
    yield from _contracts(document, unread)
    machines = 1 if document.limits_store is None else document.limits_store.machines
    if not _any_unread("policies", unread) and not _any_unread("bundles", unread):
        yield from _requirements(document)
    found = signatures.findings(document.signatures, machines)
    yield from ((("signatures", *place), message) for place, message in found)
    yield from ((("hours", *place), message) for place, message in hours.findings(document.hours))
    wrong = set[str | int]()
    for place, message in _policies(document, unread):
        wrong.add(place[1])
        yield place, message
    yield from bundle_findings(document)
    if not _any_unread("policies", unread):
        yield from features.unused(document.features, _features_asked(document))
    yield from _unreachable(document, unread)
    yield from residing.findings(document, unread)
    yield from _declared(document, unread)
    if not _any_unread("models", unread) and not _any_unread("targets", unread):
        yield from redundant([(at, policy) for at, policy in numbered(document, unread) if at not in wrong], document)


def _exposure(document: Document) -> Iterator[Finding]:
    listen, admin = document.listen, document.admin
    if listen.tls is not None and listen.plaintext:
        yield ("listen", "plaintext"), "contradicts tls; leave one of them out"
    if listen.tls is None and not listen.plaintext and not is_loopback(listen.address.host):
        yield (
            ("listen", "address"),
            "callers beyond this machine need listen.tls; say listen.plaintext: true if something else does TLS",
        )
    if not admin.exposed and not is_loopback(admin.address.host):
        yield (
            ("admin", "address"),
            "the admin port beyond this machine must be meant; say admin.exposed: true if it is protected otherwise",
        )
    if listen.grpc is not None:
        yield from kserve.exposure(listen, admin.address)
    if listen.address == admin.address and listen.address.port:
        yield ("admin", "address"), "is the address of listen"


def _memory(document: Document) -> Iterator[Finding]:
    """Half of what is there may be one caller's, and not all of that for one message."""
    limits, upstream = document.listen.limits, document.upstream
    if limits.memory < 4 * limits.body:
        yield ("listen", "limits", "memory"), "must be at least four times body, or one of that size never finds room"
    if upstream.memory < 4 * upstream.response_body:
        yield ("upstream", "memory"), "must be at least four times response_body, or one of that size never finds room"


def _credentials(document: Document) -> Iterator[Finding]:
    for name, target in document.targets.items():
        sends_openly = target.url.scheme == "http" and target.credential is not None
        if sends_openly and not target.insecure and not is_loopback(target.url.host):
            yield (
                ("targets", name, "url"),
                "the credential would travel unencrypted; use https:// or say insecure: true on the target",
            )
        if target.insecure and not sends_openly:
            yield ("targets", name, "insecure"), "has no effect: no credential is sent over http://"


def _targets(document: Document, unread: Unread) -> Iterator[Finding]:
    known = _names("targets", document.targets, unread)
    used = {target for model in document.models.values() for target in model.targets}
    yield from kserve.targets(document)
    for name, model in document.models.items():
        for path, message in prices.priced_alike(model.price):
            yield ("models", name, *path), message
        yield from kserve.names(name, model, document)
        for index, target in enumerate(model.targets):
            if target not in known:
                yield ("models", name, "targets", index), unknown("target", target, known)
    if used <= known and not _any_unread("models", unread):  # else one may be meant by a name that is misspelt
        for name in document.targets:
            if name not in used:
                yield ("targets", name), "no model uses this target"


def _capacities(document: Document, unread: Unread) -> Iterator[Finding]:
    known, bounded = _names("models", document.models, unread), set[str]()
    for name, entry in document.targets.items():
        if entry.capacity is not None:
            bounded.add(name)
            for path, message in capacity.capacity_findings(entry.capacity, document.workers):
                yield ("targets", name, "capacity", *path), message
    if _any_unread("targets", unread) or _any_unread("models", unread):
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
    if _any_unread("targets", unread) or _any_unread("models", unread):
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


def _policies(document: Document, unread: Unread) -> Iterator[Finding]:
    times = Counter(policy.name for policy in document.policies)
    for index, policy in numbered(document, unread):
        place: Path = ("policies", index)
        if times[policy.name] > 1:
            times[policy.name] = 0  # told at the first of them
            yield (*place, "name"), f"several policies have the name {quote(policy.name)}"
        for path, message in itertools.chain(
            _models(policy, document, unread),
            _joins(policy, document, unread),
            _issuers(policy, document, unread),
            _methods(policy, document, unread),
            _conditions(policy, document, unread),
            inert_policy(policy),
            inert_routes(policy, policy, document),
            inert_uses(policy, document),
            _unkept(policy, document),
        ):
            yield (*place, *path), message


def _models(policy: PolicyEntry, document: Document, unread: Unread) -> Iterator[Finding]:
    known = _names("models", document.models, unread)
    for number, pattern in enumerate(policy.models):
        if selected(pattern, document.models) or (_any_unread("models", unread) and not is_name(pattern)):
            continue
        if not is_name(pattern):
            what = f"has the tag {quote(pattern.removeprefix(TAG))}" if pattern.startswith(TAG) else "matches"
            yield ("models", number), f"no model {what}" + ("" if pattern.startswith(TAG) else f" {quote(pattern)}")
        elif pattern not in known:
            yield ("models", number), unknown("model", pattern, known)


def _issuers(policy: PolicyEntry, document: Document, unread: Unread) -> Iterator[Finding]:
    known = {*document.identity.issuers, *(str(path[-1]) for path in unread if path[:2] == ("identity", "issuers"))}
    for number, name in enumerate(policy.who.issuers):
        if name not in known and ("identity",) not in {path[:1] for path in unread}:
            yield ("who", "issuers", number), unknown("issuer", name, known)


def _methods(policy: PolicyEntry, document: Document, unread: Unread) -> Iterator[Finding]:
    """Ways of identification that nobody can come by."""
    tls = document.listen.tls
    ways: dict[Method, tuple[bool, str]] = {
        "oidc": (bool(document.identity.issuers), "identity.issuers"),
        "mtls": (tls is not None and tls.clients is not None, "listen.tls.clients"),
        "token": (bool(document.admin.people), "admin.people"),
    }
    unsure = {path[0] for path in unread}
    for number, method in enumerate(policy.who.methods):
        configured, where = ways.get(method, (True, ""))
        if not configured and where.partition(".")[0] not in unsure:
            yield ("who", "methods", number), f"matches nobody: there is no {where}"


def _joins(policy: PolicyEntry, document: Document, unread: Unread) -> Iterator[Finding]:
    if _any_unread("models", unread) or not policy.models:
        return
    for name, attribute in policy.join.items():
        if not any(attribute in document.models[model].attributes for model in models_of(policy, document)):
            yield ("join", name), f"none of its models has the attribute {quote(attribute)}"


def _conditions(policy: PolicyEntry, document: Document, unread: Unread) -> Iterator[Finding]:
    switches = _names("features", document.features, unread)
    if policy.if_feature is not None and policy.if_feature not in switches:
        yield ("if_feature",), unknown("feature", policy.if_feature, switches)
    when = policy.when
    if when is None:
        return
    networks, stretches = _names("networks", document.networks, unread), _names("hours", document.hours, unread)
    regions = {target.region for target in document.targets.values() if target.region is not None}
    for key, what, said, known in (
        ("network", "network", when.network, networks),
        ("not_network", "network", when.not_network, networks),
        ("time", "hours", when.time, stretches),
        ("not_time", "hours", when.not_time, stretches),
        ("region", "region", when.region, regions),
    ):
        if key == "region" and _any_unread("targets", unread):
            continue
        for number, name in enumerate(said):
            if name not in known:
                yield ("when", key, number), unknown(what, name, known)
    if when.cel and faults(when.cel) is None:
        for what, variable, known in (
            ("network", "networks", networks),
            ("hours", "hours", stretches),
            ("feature", "features", switches),
        ):
            for name in sorted(literals_in(when.cel, variable) - known):
                yield ("when", "cel"), unknown(what, name, known)
    some_unread = _any_unread("models", unread) or _any_unread("targets", unread)
    if set(when.region) & regions and policy.models and not some_unread and not models_of(policy, document):
        yield ("when", "region"), "none of the models has its servers there"


def _features_asked(document: Document) -> set[str]:
    """By name; an expression that does not look for a name asks for every one."""
    asked = {policy.if_feature for policy in document.policies if policy.if_feature is not None}
    for cel in (policy.when.cel for policy in document.policies if policy.when is not None and policy.when.cel):
        if faults(cel) is None and "features" in variables_of(cel):
            asked |= literals_in(cel, "features") or set(document.features)
    return asked


def _unkept(policy: PolicyEntry, document: Document) -> Iterator[Finding]:
    """Limits that could not be kept, because a model does not say what they need to know."""
    if policy.limits is not None:
        yield from ((("limits", *path), message) for path, message in _unkept_by(policy.limits, policy, document))
    for number, name in enumerate(policy.use):
        bundle = document.bundles.get(name)
        if bundle is not None and bundle.limits is not None:
            found = _unkept_by(bundle.limits, policy, document)
            yield from ((("use", number), f"its limits.{dotted(path)}: {message}") for path, message in found)


def _unkept_by(limits: Limits, policy: PolicyEntry, document: Document) -> Iterator[Finding]:
    if limits.away is not None and document.limits_store is None:
        yield ("away",), "has no effect: there is no limits_store"
    covered = models_of(policy, document)
    models = [(name, entry) for name, entry in document.models.items() if name in covered]
    answers = not MEASURED_IN_TOKENS.isdisjoint(policy.may)
    yield from prices.unpriced(limits, [(name, entry.price) for name, entry in models], answers=answers)
    yield from prices.unbounded(limits, [(name, entry.max_output) for name, entry in models], answers=answers)


def _unreachable(document: Document, unread: Unread) -> Iterator[Finding]:
    """Models that are configured but that nobody can be allowed to use, unless a policy may mean them and misses."""
    if _any_unread("policies", unread) or _any_unread("targets", unread):
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
    if any(_any_unread(section, unread) for section in ("routes", "policies", "models", "targets")):
        return
    allowing = [policy for policy in document.policies if policy.effect == "allow"]
    uses = {(use, name) for policy in allowing for use in policy.may for name in models_of(policy, document)}
    found = routes.findings(document.routes, document.models, document.targets, lambda use, name: (use, name) in uses)
    yield from ((("routes", *place), message) for place, message in found)


def _names(section: str, read: Iterable[str], unread: Unread) -> set[str]:
    return {*read, *(str(path[1]) for path in unread if path[0] == section and len(path) == 2)}


def _requirements(document: Document) -> Iterator[Finding]:
    """Signatures that are asked for and cannot be made, or could be made and are never asked for."""
    asked = False
    for number, policy in enumerate(document.policies):
        if policy.require:
            asked = True
            if document.signatures is None:
                yield ("policies", number, "require"), "nobody can sign: there is no section signatures"
    for name, bundle in document.bundles.items():
        if bundle.require:
            asked = True
            if document.signatures is None:
                yield ("bundles", name, "require"), "nobody can sign: there is no section signatures"
    if document.signatures is not None and not asked:
        yield ("signatures",), "no policy asks for signatures"


def _contracts(document: Document, unread: Unread) -> Iterator[Finding]:
    """What models say of their requests, and the contracts that they name."""
    yield from pins.findings(document.models)
    known = _names("contracts", document.contracts, unread)
    used = {entry.contract for entry in document.models.values() if entry.contract is not None}
    if not _any_unread("models", unread):
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
        for word, share in entry.features.items():
            if share >= 100:
                yield ("models", name, "features", word), "is on without being said"


def _any_unread(section: str, unread: Unread) -> bool:
    return any(path[0] == section and len(path) == 2 for path in unread)
