"""Where an exchange goes when the model server that was meant for it cannot have it.

First to another target of its model. Then down the model's `fallback`, model by model, if the very same policies allow
the caller that model too, none of its money is overdrawn by it (overload.py), and the server stands in a region in
which the model's own servers stand: a fault never widens who may see a request, nor where. Otherwise it is refused, and
the refusal says when to come back, or, where the rules alone leave no server, which rule that is (policy/servers.py).
Every choice comes out of `candidates`, so that what may not be used now, or not for this exchange, is not used here
either.
"""

from typing import Final

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path import overload
from guardhouse.path.choosing import candidates
from guardhouse.path.exchange import Exchange
from guardhouse.path.holding import owner_of
from guardhouse.path.plane import DataPlane
from guardhouse.path.targets import permitted, why_none
from guardhouse.path.wards import FAULTS

_RETRY_AFTER: Final = 1.0


def first(exchange: Exchange, plane: DataPlane) -> Verdict:
    """Name the target that the exchange is meant for."""
    model = exchange.model
    assert model is not None
    calm = model.choose is None and plane.upstreams.wards.calm and not plane.gates.drained
    open_ = permitted(exchange, model) if calm else candidates(exchange, plane, model)
    if open_:
        exchange.target = open_[0]
        return None
    if calm or not permitted(exchange, model):
        return why_none(exchange, model)
    if overload.fall_back(exchange, plane, model, frozenset()):
        return None
    return refusal(exchange, plane)


def onward(exchange: Exchange, plane: DataPlane, tried: set[str]) -> bool:
    """Nothing of it has been sent: whether there is a target that was not tried yet. It is the exchange's then."""
    model = exchange.model
    assert model is not None
    detour = exchange.detour
    if detour is not None and detour.instead_of:
        model = exchange.snapshot.models[detour.instead_of]
    elif overload.go_on(exchange, plane, model, tried):
        return True
    return overload.fall_back(exchange, plane, model, frozenset(tried))


def refusal(exchange: Exchange, plane: DataPlane) -> Denial:
    """None of those that may have it can take it: the soonest of them says when it may be tried again."""
    model = exchange.model
    assert model is not None
    now, caller, waits = plane.loop_time(), owner_of(exchange), list[float]()
    for target in permitted(exchange, model):
        until = plane.gates.drained.get(target.name, exchange.at)
        if until is not None:  # else until somebody takes it back
            waits.append(max(until - exchange.at, plane.upstreams.wards.of(target).wait(now, caller)))
    return Denial(Reason.UPSTREAM_UNAVAILABLE, retry_after=max(_RETRY_AFTER, min(waits, default=_RETRY_AFTER)))


def fault_of(exchange: Exchange, denial: Denial | None) -> str | None:
    """What the exchange says of its server: empty, nothing bad; None, nothing at all."""
    target = exchange.target
    if denial is not None and denial.reason in FAULTS:
        return denial.reason.code
    if not exchange.status:
        return None
    if target is not None and exchange.status in target.breaker.statuses:
        return f"status_{exchange.status}"
    return ""
