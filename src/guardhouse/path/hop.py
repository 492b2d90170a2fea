"""What a model server is sent: the judged document, less what may not go where that server is.

Asked when the bytes are about to go, for each server anew, because only then it is known which one it is: a server
inside of the region gets the document as it is, also after one outside of it could not be reached, and one outside
never gets what was made for the other. The stages before work on the one document that all servers have in common;
what is taken out here is taken out of a copy, and the next hop starts from the whole again.

This is also the last look at where the bytes go, at the only place that they leave from: a server that the rules do
not admit gets nothing, whoever chose it.
"""

from guardhouse.inspect.masker import mask_texts
from guardhouse.inspect.scanner import scan
from guardhouse.model.denial import Denial
from guardhouse.model.entity import Entity
from guardhouse.model.reason import Reason
from guardhouse.model.text import Text
from guardhouse.path.exchange import Exchange
from guardhouse.path.targets import bounds_for
from guardhouse.policy.snapshot import Target
from guardhouse.residency.bounds import Leaving
from guardhouse.residency.keeping import ROLES
from guardhouse.wire import json
from guardhouse.wire.dialects.deferred import DeferredRoute, Deferring

_UNREADABLE = Denial(Reason.CONTENT_UNREADABLE, "Part of it may not leave its region, and this is not text.")
_WITHHELD = "[WITHHELD]"
_NO_ARGUMENTS = "{}"  # where the text has to be JSON
_COUNTED = {role: kind for kind, role in ROLES.items()}


def body_for(exchange: Exchange, target: Target) -> bytes | Denial:
    """Notes in `exchange.withheld` how often something was taken out for this hop."""
    model, route = exchange.model, exchange.route
    assert model is not None
    assert route is not None
    exchange.withheld = {}
    bounds = bounds_for(exchange, model)
    if bounds is None:
        return exchange.encoded
    if target.name not in bounds.targets:
        return Denial(Reason.REGION_DENIED, param="model")
    leaving = bounds.leaving.get(target.name)
    if leaving is None:
        return exchange.encoded
    if isinstance(route, DeferredRoute) and route.step == "upload":
        return _file_for(exchange, route, leaving)
    if exchange.document is None:  # it is not kept while it waits for a connection
        exchange.document = route.dialect.reread(exchange.encoded, route)
    document = json.copied(exchange.document)
    if route.dialect.unreadable(document, route):
        return _UNREADABLE
    exchange.withheld = _take_out(route.dialect.texts(document, route), leaving)
    return route.dialect.encode(document, route) if exchange.withheld else exchange.encoded


def _file_for(exchange: Exchange, route: DeferredRoute, leaving: Leaving) -> bytes | Denial:
    """Of an upload nothing is kept but what goes upstream; it is read once more, all of it in one turn."""
    dialect = route.dialect
    assert isinstance(dialect, Deferring)
    document, route.first = dialect.read_all(exchange.encoded), 0
    if dialect.unreadable(document, route):
        return _UNREADABLE
    exchange.withheld = _take_out(dialect.texts(document, route), leaving)
    return dialect.put_together((dialect.encode(document, route),), route) if exchange.withheld else exchange.encoded


def make_whole(exchange: Exchange) -> None:
    """Once less of the document was laid out for a hop: a dialect may know only the layout that it made last."""
    route = exchange.route
    assert route is not None
    if isinstance(route, DeferredRoute) and route.step == "upload":
        return
    exchange.encoded = route.dialect.encode(exchange.document, route)


def _take_out(texts: list[Text], leaving: Leaving) -> dict[str, int]:
    taken: dict[str, int] = {}
    for text in texts:
        if text.role in leaving.roles and text.value:
            text.value = text.holder[text.key] = _NO_ARGUMENTS if text.escaped else _WITHHELD
            kind = _COUNTED[text.role]
            taken[kind] = taken.get(kind, 0) + 1
    wanted = leaving.entities & scan(b"\n".join([text.value.encode() for text in texts]))
    if wanted:
        for name, found in mask_texts(texts, Entity(wanted)).items():
            taken[name] = taken.get(name, 0) + found
    return taken
