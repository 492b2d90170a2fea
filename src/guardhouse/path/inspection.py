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
from guardhouse.wire.dialects.openai.texts import request_texts


def inspect(exchange: Exchange, plane: DataPlane) -> Verdict:
    operation = exchange.operation
    assert operation is not None
    if exchange.document is None:
        return None
    texts = request_texts(exchange.document, operation)
    encoded = [text.value.encode() for text in texts]
    candidates = scan(b"\n".join(encoded))
    exchange.found = (texts, candidates)
    exchange.signals = signals(texts, encoded, candidates, plane.hash_key)
    return None
