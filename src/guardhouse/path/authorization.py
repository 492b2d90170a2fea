"""May this principal do this? Asked twice of the same policies.

`may_operate` runs at the head: a principal with no policy for the operation is refused before its body is read.
`authorize` runs when the model is known and yields the Grant: what is masked, limited and refused. Default is deny, and
a model that does not exist answers exactly as one that is not permitted.
"""

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.policy import decide
from guardhouse.wire.dialects.openai.request import unknown_fields


def may_operate(exchange: Exchange, plane: DataPlane) -> Verdict:
    assert exchange.principal is not None
    assert exchange.operation is not None
    exchange.policies = decide.policies_for(exchange.snapshot, exchange.principal, exchange.operation)
    return None if exchange.policies else Denial(Reason.OPERATION_DENIED)


def authorize(exchange: Exchange, plane: DataPlane) -> Verdict:
    operation = exchange.operation
    assert operation is not None
    if operation is Operation.MODELS_READ:
        return None  # the answer itself is filtered
    name = exchange.document["model"]
    model = exchange.snapshot.models.get(name)
    if model is None:
        return Denial(Reason.MODEL_DENIED, param="model")
    grant = decide.decide_among(exchange.snapshot, exchange.policies, operation, name)
    if isinstance(grant, Reason):
        return Denial(grant, param="model")
    exchange.model = model
    exchange.grant = grant
    if grant.refuse_unknown_fields:
        return _judge_fields(exchange, operation)
    return None


def _judge_fields(exchange: Exchange, operation: Operation) -> Verdict:
    unknown = unknown_fields(exchange.document, operation)
    if unknown:
        return Denial(
            Reason.FIELD_FORBIDDEN, "The request has a field that this policy does not know.", unknown[0][:64]
        )
    return None
