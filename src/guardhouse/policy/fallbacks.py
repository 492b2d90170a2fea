"""May another model take the place of the one that was asked for? What the rules say of it: for the path, and for who
asks.

Only where everything that was judged of the request, masked in it and reserved for it holds there as well: the very
same policies grant that model, and none of its money or tokens can be more than what was reserved. Whether the request
is one that the other model is to be given is path/contracts.py's to say, and where it has room the path's alone.
"""

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.decide import decide_among
from guardhouse.policy.facts import Facts
from guardhouse.policy.snapshot import Grant, Model, Policies, Snapshot


def is_granted_alike(  # noqa: PLR0917 - as decide_among, with what was granted
    snapshot: Snapshot,
    given: Policies,
    principal: Principal,
    operation: Operation,
    other: str,
    facts: Facts,
    grant: Grant,
) -> bool:
    """Whether the policies that granted the model that was asked for are those that grant the other; `given` as for
    `decide_among`."""
    found = decide_among(snapshot, given, principal, operation, other, facts)
    return isinstance(found, Grant) and found.policies == grant.policies


def is_dearer(grant: Grant, model: Model, other: Model) -> bool:
    """Whether it may cost more than what was reserved for it."""
    price, its = model.price, other.price
    if grant.bounded:
        wider = model.max_input and not 0 < other.max_input <= model.max_input
        if wider or other.preamble > model.preamble:
            return True
    if its is None:
        return False
    if not any(quota.unit == "money" for rule in grant.limits for quota in rule.quotas):
        return False
    return price is None or its.input > price.input or its.output > price.output
