"""Which model servers may have an exchange: those of its model that speak its dialect, as far as the policies' routes
and the rules of residency admit them.

Whatever chooses a server, at first or because another one failed, takes it from `permitted`. The rules of residency
hold here whatever the check of the configuration has found: this is the one place where a server is let in. What the
rules are is policy/servers.py, which `guardhouse policy explain` asks as well.
"""

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.policy import servers
from guardhouse.policy.snapshot import Model, Target
from guardhouse.residency.bounds import Bounds

_UNREADABLE = "Part of it may not leave its region, and this is not text."


def permitted(exchange: Exchange, model: Model) -> tuple[Target, ...]:
    """The preferred one first; none if nobody speaks the dialect, or is where the exchange may go."""
    grant, route = exchange.grant, exchange.route
    assert route is not None
    found = servers.serving(model, route.dialect.name, None if grant is None else grant.route)
    bounds = None if exchange.snapshot.residency is None else bounds_for(exchange, model)
    if bounds is None:
        return found
    return tuple([one for one in found if one.name in bounds.targets and not _unfit(exchange, bounds, one)])


def why_none(exchange: Exchange, model: Model) -> Denial:
    """Of an exchange that none is permitted: the control that it is because of, as policy/servers.py says."""
    grant, route = exchange.grant, exchange.route
    assert route is not None
    name, on_route, bounds = route.dialect.name, None if grant is None else grant.route, bounds_for(exchange, model)
    if bounds is not None and bounds.leaving:
        _is_opaque(exchange)
    opaque = exchange.opaque is True
    reason = servers.reason_for_none(
        [servers.bars(target, name, on_route, bounds, opaque=opaque) for target in model.targets]
    )
    detail = _UNREADABLE if reason is Reason.CONTENT_UNREADABLE else ""
    if reason is Reason.REGION_DENIED and bounds is not None and bounds.misplaced:
        detail = f"By where {bounds.misplaced} is."
    return Denial(reason, detail, param=None if reason is Reason.CONTENT_UNREADABLE else "model")


def bounds_for(exchange: Exchange, model: Model) -> Bounds | None:
    """What the rules mean where this model serves the exchange; a fallback has rules of its own beside the others."""
    residency, principal = exchange.snapshot.residency, exchange.principal
    if residency is None or principal is None or exchange.grant is None:
        return None
    return residency.bounds(exchange.keep + model.keep, principal.attributes)


def _unfit(exchange: Exchange, bounds: Bounds, target: Target) -> bool:
    """Something has to be taken out of the request for this server, and that cannot be read."""
    return target.name in bounds.leaving and _is_opaque(exchange)


def _is_opaque(exchange: Exchange) -> bool:
    if exchange.opaque is None:
        route, document = exchange.route, exchange.document
        assert route is not None
        if document is None:  # it is not kept while nobody needs it
            document = route.dialect.reread(exchange.encoded, route)
        exchange.opaque = bool(route.dialect.unreadable(document, route))
    return exchange.opaque
