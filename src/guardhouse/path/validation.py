"""Is the body one readable document of the right shape?

The document decoded here is the only reading of the body there is: policies are decided on it, texts are masked in it,
and its own encoding is what goes upstream. The caller's bytes go no further than this file.
"""

from guardhouse.model.denial import Denial, Verdict
from guardhouse.path import deferred
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.path.signatures import judge as judge_signature


def validate(exchange: Exchange, plane: DataPlane) -> Verdict:
    head, route = exchange.head, exchange.route
    assert head is not None
    assert route is not None
    signatures = exchange.snapshot.signatures
    if signatures is not None:
        denial = judge_signature(exchange, plane, signatures)
        if denial is not None:
            return denial
    if route.local:
        return route.dialect.ask(bytes(exchange.body), route)
    dialect = route.dialect
    decoded = dialect.read(head.headers, exchange.body, route, plane.parts)
    exchange.body = b""
    if type(decoded) is Denial:
        return decoded
    document, encoded = decoded
    denial = dialect.check(document, route)
    if denial is None and route.deferred:
        denial = deferred.recall(exchange, plane, document)
    if denial is not None:
        return denial
    exchange.document = document
    exchange.encoded = encoded
    exchange.asked = dialect.model(document, route)
    exchange.stream = dialect.is_streamed(document, route)
    return None
