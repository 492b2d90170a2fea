"""Who may do what: the one decision that the data path, the dry run and the tests share.

Deny is the default and every allowance comes from a policy; policies only add to what is allowed and only tighten what
comes with it (masks are united, each limit applies, unknown fields are refused if one policy refuses them), so the
order of the file never matters. A model that does not exist and one that is not permitted get the same answer.

Pure and cheap: a few dictionary look-ups and one `&` per question. The grant of a single policy is ready-made; only
a caller with several matching policies pays for uniting them.
"""

from guardhouse.limits.rate import LimitRule
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.policy.snapshot import Grant, Policies, Snapshot

_NONE: dict[Operation, Policies] = {}


def decide(snapshot: Snapshot, principal: Principal, operation: Operation, model_name: str | None) -> Grant | Reason:
    """What `principal` is granted for this operation; `model_name` is None for one that concerns no single model."""
    return decide_among(snapshot, policies_for(snapshot, principal, operation), operation, model_name)


def policies_for(snapshot: Snapshot, principal: Principal, operation: Operation) -> Policies:
    """The policies that give this principal this operation on some model; none of them, and it is denied."""
    return snapshot.operations.get(operation, 0) & _speaking_of(snapshot, principal)


def decide_among(snapshot: Snapshot, given: Policies, operation: Operation, model_name: str | None) -> Grant | Reason:
    """The second half of `decide`, for who has asked `policies_for` before the model was known."""
    if not given:
        return Reason.OPERATION_DENIED
    if model_name is not None:
        given &= snapshot.uses.get(model_name, _NONE).get(operation, 0)
        if not given:
            return Reason.MODEL_DENIED
    if given & (given - 1):
        return _unite(snapshot, given)
    return snapshot.policies[given.bit_length() - 1].grant


def may_operate(snapshot: Snapshot, principal: Principal, operation: Operation) -> bool:
    return bool(policies_for(snapshot, principal, operation))


def visible_models(snapshot: Snapshot, principal: Principal) -> list[str]:
    """The models that `principal` may both read of and use, in the order of the file."""
    own = _speaking_of(snapshot, principal)
    return [
        name
        for name, uses in snapshot.uses.items()
        if uses.get(Operation.MODELS_READ, 0) & own
        and any(policies & own for operation, policies in uses.items() if operation is not Operation.MODELS_READ)
    ]


def _speaking_of(snapshot: Snapshot, principal: Principal) -> Policies:
    own = snapshot.everybody | snapshot.ids.get(principal.id, 0)
    groups = snapshot.groups
    for group in principal.groups:
        own |= groups.get(group, 0)
    return own


def _unite(snapshot: Snapshot, given: Policies) -> Grant:
    names: list[str] = []
    limits: list[LimitRule] = []
    mask_request = mask_response = 0
    refuse = False
    while given:
        lowest = given & -given
        given ^= lowest
        grant = snapshot.policies[lowest.bit_length() - 1].grant
        names += grant.policies
        limits += grant.limits
        mask_request |= grant.mask_request
        mask_response |= grant.mask_response
        refuse = refuse or grant.refuse_unknown_fields
    return Grant(
        policies=tuple(names),
        mask_request=mask_request,
        mask_response=mask_response,
        refuse_unknown_fields=refuse,
        limits=tuple(limits),
    )
