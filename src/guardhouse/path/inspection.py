"""What is in the request? Signals for the security team, and masking of what a policy names.

One linear scan over all texts says which entities and which suspicious patterns may be there; only then do exact
patterns run, and only on what is wanted. The signals are made from the texts as the caller sent them, the model
server gets them as masked. Signals are advisory: no score denies anything here.

Content that cannot be read as text (token arrays, images, audio, files) is refused where the policy masks requests,
because "not looked at" must not pass for "clean".
"""

from guardhouse.inspect.masker import mask_texts
from guardhouse.inspect.scanner import scan
from guardhouse.inspect.signals import signals
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.entity import Entity
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.wire import json
from guardhouse.wire.dialects.openai.request import unreadable
from guardhouse.wire.dialects.openai.texts import request_texts


def inspect(exchange: Exchange, plane: DataPlane) -> Verdict:
    operation, grant = exchange.operation, exchange.grant
    if grant is None or operation is None:
        return None
    exchange.mask_response = grant.mask_response
    texts = request_texts(exchange.document, operation)
    encoded = [text.value.encode() for text in texts]
    candidates = scan(b"\n".join(encoded))
    exchange.signals = signals(texts, encoded, candidates, plane.hash_key)
    if not grant.mask_request:
        exchange.controls["inspection"] = "skipped"
        return None
    hidden = unreadable(exchange.document, operation)
    if hidden:
        return Denial(Reason.CONTENT_UNREADABLE, "A policy masks requests; this part is not text.", hidden[0])
    wanted = grant.mask_request & candidates
    if wanted:
        masked = mask_texts(texts, Entity(wanted))
        if masked:
            exchange.masked = masked
            exchange.encoded = json.encode(exchange.document)
            exchange.controls["inspection"] = "changed"
    return None
