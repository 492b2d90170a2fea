"""Which operation is this, and which target serves it?

`recognise` maps method and path onto an operation by exact match; what is not in a dialect's table does not exist, so
the management routes of a model server cannot be reached. `choose` names the first target that the policies admit
(targets.py) and that has room (overload.py), and prepares the judged document for it. Targets come from the
configuration alone: nothing a caller sends can add or change one.
"""

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.path import overload
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.path.targets import permitted
from guardhouse.policy.decide import visible_models
from guardhouse.wire import json
from guardhouse.wire.dialects.openai import answer, request, routes


def recognise(exchange: Exchange, plane: DataPlane) -> Verdict:
    assert exchange.head is not None
    operation = routes.recognise(exchange.head.method, exchange.head.path)
    if isinstance(operation, Reason):
        return Denial(operation)
    exchange.operation = operation
    return None


def choose(exchange: Exchange, plane: DataPlane) -> Verdict:
    operation, model = exchange.operation, exchange.model
    assert operation is not None
    if operation is Operation.MODELS_READ:
        return _list_models(exchange)
    assert model is not None
    target = exchange.target = exchange.target or permitted(exchange, model)[0]
    if target.capacity is not None:
        verdict = overload.enter(exchange, plane)
        if verdict is not None:
            return verdict
        model = exchange.model
        assert model is not None
    rename = model.upstream_name if model.upstream_name != model.name else None
    if rename is not None or exchange.stream:
        prepared = request.prepare(exchange.document, operation, model.upstream_name)
        exchange.usage_added = prepared
        if prepared or rename is not None:
            exchange.encoded = json.encode(exchange.document)
    return None


def _list_models(exchange: Exchange) -> Verdict:
    """Answer from the snapshot: what this principal may use, and nothing else."""
    assert exchange.head is not None
    assert exchange.principal is not None
    names = visible_models(exchange.snapshot, exchange.principal)
    wanted = routes.model_in(exchange.head.path)
    if wanted is not None and wanted not in names:
        return Denial(Reason.MODEL_DENIED, param="model")
    exchange.status = 200
    exchange.answer = answer.models_body(names) if wanted is None else answer.model_body(wanted)
    return None
