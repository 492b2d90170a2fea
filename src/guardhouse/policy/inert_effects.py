"""What comes with a policy and can never do anything there; the rest of the policy is judged in inert.py.

The keys may be the policy's own or those of a bundle that it uses, which is why they are an argument of their own: what
makes sense with one policy may have nothing to act on with another.
"""

from collections.abc import Iterator

from guardhouse.model.operation import ON_MODELS, Operation
from guardhouse.policy.document import Document, PolicyEntry
from guardhouse.policy.labels import IN_REGION, route_findings, targets_meant
from guardhouse.policy.problem import Path, quote, unknown
from guardhouse.policy.sections import limits
from guardhouse.policy.sections.effects import Effects, Mask, said
from guardhouse.policy.selecting import models_of

Finding = tuple[Path, str]

_NO_TEXT_BACK = {Operation.EMBEDDINGS, Operation.MODELS_READ} | (set(Operation) - ON_MODELS)


def inert_effects(policy: PolicyEntry, effects: Effects) -> Iterator[Finding]:
    """What of `effects` has nothing to act on with this policy, at its place inside of them."""
    yield from _limits(policy, effects)
    yield from _mask(policy, effects)
    silent = not sends_fields(policy)
    if effects.unknown_fields == "refuse" and silent:
        yield ("unknown_fields",), f"has no effect: {_naming(policy)} no request fields"
    if effects.injection != "pass" and silent:
        yield ("injection",), f"has no effect: {_naming(policy)} no request fields"
    for key, written in (
        ("approve", effects.approve),
        ("route", effects.route),
        ("keep_in", effects.keep_in),
        ("flag", effects.flag),
    ):
        if written and silent:
            yield (key,), f"has no effect: {_naming(policy)} nothing that goes to a model server"


def inert_routes(policy: PolicyEntry, effects: Effects, document: Document) -> Iterator[Finding]:
    """What of `route` leads nowhere, or nowhere else than without it."""
    serving = [set(document.models[name].targets) for name in sorted(models_of(policy, document))]
    if not effects.route or not serving or not sends_fields(policy):
        return
    by_region = [item for item in effects.route if item.startswith(IN_REGION)]
    yield from route_findings(effects.route, document)
    for number, target in enumerate(effects.route):
        if target not in document.targets and target not in by_region:
            yield ("route", number), unknown("target", target, document.targets)
        elif target not in by_region and not any(target in targets for targets in serving):
            yield ("route", number), f"none of its models is served by {quote(target)}"
    route = targets_meant(effects.route, document)
    if route and route <= document.targets.keys():
        if all(route.isdisjoint(targets) for targets in serving) and by_region:
            yield ("route",), "leaves no target for any of its models"
        for name, targets in zip(sorted(models_of(policy, document)), serving, strict=True):
            if route.isdisjoint(targets) and not by_region:  # a region is named for whatever is in it
                yield ("route",), f"leaves no target for the model {quote(name)}"
        if all(targets <= route for targets in serving):
            yield ("route",), "has no effect: these are all targets of its models"


def bundle_findings(document: Document) -> Iterator[Finding]:
    used = {name for policy in document.policies for name in policy.use}
    for name, effects in document.bundles.items():
        if not said(effects):
            yield ("bundles", name), "says nothing"
        elif name not in used:
            yield ("bundles", name), "no policy uses this bundle"


def inert_uses(policy: PolicyEntry, document: Document) -> Iterator[Finding]:
    """What of the bundles that a policy uses can do nothing there, at the place of their names."""
    limited = "the policy" if policy.limits is not None else None
    for number, name in enumerate(policy.use):
        place: Path = ("use", number)
        bundle = document.bundles.get(name)
        if bundle is None:
            yield place, unknown("bundle", name, document.bundles)
            continue
        if bundle.limits is not None and limited is not None:
            yield place, f"both it and {limited} say limits; keep one"
        limited = f"the bundle {quote(name)}" if bundle.limits is not None else limited
        if policy.effect != "deny":
            for path, message in (*inert_effects(policy, bundle), *inert_routes(policy, bundle, document)):
                yield place, f"its {path[0]}: {message}"


def sends_fields(policy: PolicyEntry) -> bool:
    return any(operation.access == "infer" for operation in policy.may)


def _limits(policy: PolicyEntry, effects: Effects) -> Iterator[Finding]:
    if effects.limits is None:
        return
    if ON_MODELS.isdisjoint(policy.may):
        yield ("limits",), "has no effect: only uses of models are limited"
        return
    for place, message in limits.findings(effects.limits, uses_tokens=sends_fields(policy)):
        yield ("limits", *place), message


def _mask(policy: PolicyEntry, effects: Effects) -> Iterator[Finding]:
    mask = effects.mask
    if mask is None:
        return
    if not sends_fields(policy):
        yield ("mask",), f"has no effect: {_naming(policy)} no text"
    elif not mask.entities and policy.effect == "restrict":
        yield ("mask",), "has no effect: a restriction can only add to what is masked"
    elif not mask.entities and mask.where != Mask().where:
        yield ("mask", "where"), "has no effect: entities is empty, so nothing is masked anywhere"
    elif mask.entities and mask.where == ("response",) and set(policy.may) <= _NO_TEXT_BACK:
        yield ("mask", "where"), "has no effect: the answers of these operations carry no text"


def _naming(policy: PolicyEntry) -> str:
    """Operations that send nothing, as the beginning of a sentence."""
    return f"{policy.may[0].word} has" if len(policy.may) == 1 else "these operations have"
