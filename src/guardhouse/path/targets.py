"""Which model servers may have an exchange: those of its model that speak its dialect, as far as the policies' routes
and the rules of residency admit them.

Whatever chooses a server, at first or because another one failed, takes it from `permitted`. The rules of residency
hold here whatever the check of the configuration has found: this is the one place where a server is let in.
"""

from guardhouse.path.exchange import Exchange
from guardhouse.policy.snapshot import Model, Target
from guardhouse.residency.bounds import Bounds


def permitted(exchange: Exchange, model: Model) -> tuple[Target, ...]:
    """The preferred one first; none if nobody speaks the dialect, or is where the exchange may go."""
    found = serving(exchange, model)
    bounds = None if exchange.snapshot.residency is None else bounds_for(exchange, model)
    if bounds is None:
        return found
    return tuple([one for one in found if one.name in bounds.targets and not _unfit(exchange, bounds, one)])


def serving(exchange: Exchange, model: Model) -> tuple[Target, ...]:
    """Those that speak the dialect and are on the route, wherever they are."""
    grant, route = exchange.grant, exchange.route
    assert route is not None
    dialect = route.dialect.name
    spoken = tuple([target for target in model.targets if dialect in target.speaks])
    if grant is None or grant.route is None:
        return spoken
    names = grant.route
    return tuple([target for target in spoken if target.name in names])


def bounds_for(exchange: Exchange, model: Model) -> Bounds | None:
    """What the rules mean where this model serves the exchange; a fallback has rules of its own beside the others."""
    residency, principal = exchange.snapshot.residency, exchange.principal
    if residency is None or principal is None or exchange.grant is None:
        return None
    return residency.bounds(exchange.keep + model.keep, principal.attributes)


def _unfit(exchange: Exchange, bounds: Bounds, target: Target) -> bool:
    """Something has to be taken out of the request for this server, and that cannot be read."""
    if target.name not in bounds.leaving:
        return False
    if exchange.opaque is None:
        route, document = exchange.route, exchange.document
        assert route is not None
        if document is None:  # it is not kept while nobody needs it
            document = route.dialect.reread(exchange.encoded, route)
        exchange.opaque = bool(route.dialect.unreadable(document, route))
    return exchange.opaque
