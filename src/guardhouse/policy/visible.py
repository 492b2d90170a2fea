"""Which models a list shows: those that this caller may both read of and use, in the dialect that it asks in.

A list promises nothing that no request could have. So a model is on it if there are circumstances under which a policy
lets the caller use it and a model server is left for it then: one that speaks the dialect, is on the route of the
policies, and stands where its bytes may be. Circumstances are given the benefit of the doubt: policies with conditions
count if they allow, and not if they deny, restrict or keep. How servers are at the moment does not count: a list does
not change because one is broken or drained.

What was found is kept in the snapshot for each credential, as long as both are the same: a list costs a look-up.
"""

from guardhouse.model.dialect import DialectName
from guardhouse.model.operation import OF_ACCESS, Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.decide import concerning, grant_of, numbers, policies_for
from guardhouse.policy.servers import serving
from guardhouse.policy.snapshot import Grant, Model, Policies, Seen, Snapshot

_MOST_KEPT = 1024  # lists


def visible_models(snapshot: Snapshot, principal: Principal, dialect: DialectName) -> tuple[str, ...]:
    """Their names, in the order of the file."""
    known = snapshot.lists
    key = (principal.credential_id, dialect)
    seen = known.get(key)
    if seen is not None and seen.principal is principal:
        return seen.models
    if len(known) >= _MOST_KEPT:
        known.clear()
    models = tuple([name for name in snapshot.models if _is_visible(snapshot, principal, dialect, name)])
    known[key] = Seen(principal, models)
    return models


def _is_visible(snapshot: Snapshot, principal: Principal, dialect: DialectName, name: str) -> bool:
    model = snapshot.models[name]
    if not any(dialect in target.speaks for target in model.targets):
        return False
    if not _holding(snapshot, principal, Operation.MODELS_READ, name):
        return False
    return any(
        _is_served(snapshot, principal, model, dialect, grant_of(snapshot, holding))
        for operation in OF_ACCESS["infer"]
        for holding in _holding(snapshot, principal, operation, name)
    )


def _holding(snapshot: Snapshot, principal: Principal, operation: Operation, name: str) -> list[Policies]:
    """The smallest sets of policies by which the use may be allowed; none, if it never is."""
    given = concerning(snapshot, policies_for(snapshot, principal, operation), principal, operation, name)
    always = given & ~snapshot.conditions.conditional
    if always & snapshot.denies:
        return []
    if always & snapshot.allows:
        return [always]
    return [always | 1 << number for number in numbers(given & snapshot.allows)]


def _is_served(snapshot: Snapshot, principal: Principal, model: Model, dialect: DialectName, grant: Grant) -> bool:
    left = serving(model, dialect, grant.route)
    if snapshot.residency is None or not left:
        return bool(left)
    bounds = snapshot.residency.bounds(grant.keep + model.keep, principal.attributes)
    return bounds is None or any(target.name in bounds.targets for target in left)
