"""What must not reach the model server? Masks in the request what the grant names.

Inspection has found the texts and what may be in them; exact patterns run only for what is wanted and may be there. The
document that was judged is changed in place and encoded anew, so the model server gets the texts as masked.

Content that cannot be read as text (token arrays, images, audio, files) is refused where the policy masks requests,
because "not looked at" must not pass for "clean". Where it does not, the record says that they were not evaluated.
"""

import re
from typing import Final

from guardhouse.inspect.masker import mask_texts
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.entity import Entity
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.media import note as note_media
from guardhouse.path.plane import DataPlane

_MOST_PLACES: Final = 8
_PLACE: Final = re.compile(r"[A-Za-z_]+(?:\[[0-9]+\]|\.[A-Za-z_]+)*")


def places_of(hidden: list[str]) -> tuple[str, ...]:
    """The first few for the record, without names that a caller has chosen."""
    matches = [_PLACE.match(place) for place in hidden[:_MOST_PLACES]]
    return tuple(["" if match is None else match[0][:64] for match in matches])


def mask(exchange: Exchange, plane: DataPlane) -> Verdict:
    route, grant, found = exchange.route, exchange.grant, exchange.found
    if grant is None or route is None or found is None:
        return None
    texts, candidates = found
    exchange.found = None
    exchange.mask_response = grant.mask_response
    hidden = route.dialect.unreadable(exchange.document, route)
    if not grant.mask_request:
        exchange.controls["masking"] = "skipped"
        if hidden:
            exchange.unevaluated = places_of(hidden)
            note_media(exchange, route.dialect.media(exchange.document, route))
        return None
    if hidden:
        return Denial(Reason.CONTENT_UNREADABLE, "A policy masks requests; this part is not text.", hidden[0])
    wanted = grant.mask_request & candidates
    if wanted:
        masked = mask_texts(texts, Entity(wanted))
        if masked:
            exchange.masked = masked
            exchange.encoded = route.dialect.encode(exchange.document, route)
            exchange.controls["masking"] = "changed"
    return None
