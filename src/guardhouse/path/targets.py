"""Which model servers may have an exchange: those of its model, as far as the policies' routes admit them."""

from guardhouse.path.exchange import Exchange
from guardhouse.policy.snapshot import Model, Target


def permitted(exchange: Exchange, model: Model) -> tuple[Target, ...]:
    """The preferred one first; none, if the routes of several policies have none of them in common."""
    grant = exchange.grant
    if grant is None or grant.route is None:
        return model.targets
    route = grant.route
    return tuple([target for target in model.targets if target.name in route])
