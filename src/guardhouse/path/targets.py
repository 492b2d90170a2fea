"""Which model servers may have an exchange: those of its model, as far as the policies' routes admit them."""

from guardhouse.path.exchange import Exchange
from guardhouse.policy.snapshot import Model, Target


def permitted(exchange: Exchange, model: Model) -> tuple[Target, ...]:
    """The preferred one first. Authorization has seen to it that its own model has one; another model may have none."""
    grant = exchange.grant
    if grant is None or grant.route is None:
        return model.targets
    route = grant.route
    return tuple([target for target in model.targets if target.name in route])
