"""What is in the request? Signals for the security team, for policies that ask for the risk, and for masking.

One linear scan over all texts says which entities and which suspicious patterns may be there; only where it saw
something do exact patterns run. The signals are made from the texts as the caller sent them. They deny nothing by
themselves: what a risk means is for policies to say, which is why this comes before authorization.
"""

from guardhouse.inspect.scanner import scan
from guardhouse.inspect.signals import signals
from guardhouse.model.denial import Verdict
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane


def inspect(exchange: Exchange, plane: DataPlane) -> Verdict:
    route, document = exchange.route, exchange.document
    if document is None:
        return None
    assert route is not None
    texts = route.dialect.texts(document, route)
    encoded = [text.value.encode() for text in texts]
    candidates = scan(b"\n".join(encoded))
    exchange.found = (texts, candidates)
    exchange.signals = signals(texts, encoded, candidates, plane.hash_key)
    return None
