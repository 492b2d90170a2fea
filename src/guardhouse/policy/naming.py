"""Does what a policy names exist: models, issuers, networks, hours, features, regions, and what a limit has to know?

Judged is each policy beside the rest of the configuration. Whether it can have an effect by itself is inert.py, and
whether other policies leave anything for it to do is redundant.py.
"""

import itertools
from collections import Counter
from collections.abc import Iterator

from guardhouse.model.operation import DEFERRED, MEASURED_IN_TOKENS
from guardhouse.model.principal import Method
from guardhouse.policy.cel.expression import faults, literals_in, variables_of
from guardhouse.policy.document import Document, PolicyEntry
from guardhouse.policy.inert import inert_policy
from guardhouse.policy.inert_effects import inert_routes, inert_uses
from guardhouse.policy.problem import Path, dotted, quote, unknown
from guardhouse.policy.sections import prices
from guardhouse.policy.sections.limits import Limits
from guardhouse.policy.selecting import TAG, is_name, models_of, numbered, selected
from guardhouse.policy.unreadable import Unread, any_unread, names

Finding = tuple[Path, str]


def findings(document: Document, unread: Unread) -> Iterator[Finding]:
    """At the places of the policies: the second step of each path is the number of one."""
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
    known = names("models", document.models, unread)
    for number, pattern in enumerate(policy.models):
        if selected(pattern, document.models) or (any_unread("models", unread) and not is_name(pattern)):
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
    if any_unread("models", unread) or not policy.models:
        return
    for name, attribute in policy.join.items():
        if not any(attribute in document.models[model].attributes for model in models_of(policy, document)):
            yield ("join", name), f"none of its models has the attribute {quote(attribute)}"


def _conditions(policy: PolicyEntry, document: Document, unread: Unread) -> Iterator[Finding]:
    switches = names("features", document.features, unread)
    if policy.if_feature is not None and policy.if_feature not in switches:
        yield ("if_feature",), unknown("feature", policy.if_feature, switches)
    when = policy.when
    if when is None:
        return
    networks, stretches = names("networks", document.networks, unread), names("hours", document.hours, unread)
    regions = {target.region for target in document.targets.values() if target.region is not None}
    for key, what, said, known in (
        ("network", "network", when.network, networks),
        ("not_network", "network", when.not_network, networks),
        ("time", "hours", when.time, stretches),
        ("not_time", "hours", when.not_time, stretches),
        ("region", "region", when.region, regions),
    ):
        if key == "region" and any_unread("targets", unread):
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
    some_unread = any_unread("models", unread) or any_unread("targets", unread)
    if set(when.region) & regions and policy.models and not some_unread and not models_of(policy, document):
        yield ("when", "region"), "none of the models has its servers there"


def features_asked(document: Document) -> set[str]:
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
    answers = not MEASURED_IN_TOKENS.union(DEFERRED).isdisjoint(policy.may)
    yield from prices.unpriced(limits, [(name, entry.price) for name, entry in models], answers=answers)
    yield from prices.unbounded(limits, [(name, entry.max_output) for name, entry in models], answers=answers)


def requirements(document: Document) -> Iterator[Finding]:
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
