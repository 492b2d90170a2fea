"""Which model servers may have an exchange: those of its model that speak its dialect, as far as the policies' routes
admit them."""

from guardhouse.path.exchange import Exchange
from guardhouse.policy.snapshot import Model, Target


def permitted(exchange: Exchange, model: Model) -> tuple[Target, ...]:
    """The preferred one first; none if nobody speaks the dialect."""
    grant, route = exchange.grant, exchange.route
    assert route is not None
    dialect = route.dialect.name
    spoken = tuple([target for target in model.targets if dialect in target.speaks])
    if grant is None or grant.route is None:
        return spoken
    names = grant.route
    return tuple([target for target in spoken if target.name in names])
