"""Which operation is this, and which target serves it?

`recognise` maps method and path onto a route of some dialect by exact match; what is in none does not exist, so
the management routes of a model server cannot be reached. `choose` names the first target that the policies admit
(targets.py), that is well (rerouting.py) and that has room (overload.py), and prepares the judged document for it.
Targets come from the configuration alone: nothing a caller sends can add or change one.
"""

from collections.abc import Sequence
from typing import Final

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path import overload, rerouting
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.path.versions import pin
from guardhouse.policy.snapshot import Snapshot, Target
from guardhouse.policy.visible import visible_models
from guardhouse.wire.dialects import table
from guardhouse.wire.dialects.dialect import Prepared, Route
from guardhouse.wire.dialects.generic.dialect import recognise as recognise_declared

_UNKNOWN: Final = Reason.ROUTE_UNKNOWN


def recognise(exchange: Exchange, plane: DataPlane) -> Verdict:
    assert exchange.head is not None
    method, path = exchange.head.method, exchange.head.path
    route = table.recognise(method, path, exchange.head.headers)
    if route is _UNKNOWN and exchange.snapshot.routes:
        route = recognise_declared(exchange.snapshot.routes, method, path)
    if not isinstance(route, Route):
        return Denial(route)
    exchange.route = route
    exchange.operation = route.operation
    return None


def choose(exchange: Exchange, plane: DataPlane) -> Verdict:
    route, model = exchange.route, exchange.model
    assert route is not None
    if route.local:
        return _answer_locally(exchange, route)
    assert model is not None
    slot = exchange.slot
    if slot is not None and slot.dismissed:
        exchange.target = None  # it was drained while the exchange waited for it
    if exchange.target is None:
        verdict = rerouting.first(exchange, plane)
        if verdict is not None:
            return verdict
    target = exchange.target
    assert target is not None
    if target.capacity is not None:
        verdict = overload.enter(exchange, plane)
        if verdict is not None:
            return verdict
        target = exchange.target
        assert target is not None
    return prepare(exchange, target)


def prepare(exchange: Exchange, target: Target) -> Verdict:
    """Make `exchange.encoded` what goes to this target. Asked before each attempt; the answer holds for that one."""
    model, route = exchange.model, exchange.route
    assert model is not None
    assert route is not None
    pin(route, model)
    prepared = route.dialect.prepare(exchange.document, route, model.upstream_name)
    if prepared is not Prepared.AS_IT_WAS:
        exchange.usage_added = exchange.usage_added or prepared is Prepared.USAGE_ASKED
        exchange.encoded = route.dialect.encode(exchange.document, route)
    return None


def _answer_locally(exchange: Exchange, route: Route) -> Verdict:
    """Answer from the snapshot: what this principal may use, and nothing else."""
    assert exchange.principal is not None
    visible = visible_models(exchange.snapshot, exchange.principal, route.dialect.name)
    answer = _about(exchange.snapshot, route, visible) or route.dialect.answer_locally(route, visible)
    if answer is None:
        return Denial(Reason.MODEL_DENIED, param="model")
    exchange.status = 200
    exchange.answer = answer
    return None


def _about(snapshot: Snapshot, route: Route, visible: Sequence[str]) -> bytes | None:
    """What there is to tell of the one model that is asked about."""
    model = None if route.model is None or route.model not in visible else snapshot.models[route.model]
    if model is None or (route.version and route.version not in model.versions):
        return None
    contract = model.rules.contract
    inputs, outputs = (None, None) if contract is None else (contract.inputs, contract.outputs)
    return route.dialect.answer_about(route, model.versions, inputs, outputs)
