"""Shortening an answer before it is made: the length a caller asks for, lowered to what its limits leave.

For policies that say `cap_output`. Where the caller names no length that the operation knows, the model's longest
answer stands for it, so that what is reserved is the most that can be used. Nothing is lowered below one token: whether
even that fits is for `admission` to say, with the reason.
"""

from guardhouse.model.operation import MEASURED_IN_TOKENS
from guardhouse.path.exchange import Exchange


def cap(exchange: Exchange, given: int, tokens: int, money: int) -> None:
    """Lower the length to what `tokens` and `money` leave beside `given` tokens of input."""
    model, route, document = exchange.model, exchange.route, exchange.document
    if model is None or route is None or route.operation not in MEASURED_IN_TOKENS:
        return
    dialect = route.dialect
    left, price = tokens - given, model.price
    if price is not None and price.output:
        left = min(left, (money - given * price.input) // price.output)
    answers = dialect.answers(document, route)
    if not answers:
        return
    most = max(1, left // answers)
    if dialect.shorten(document, route, most, model.max_output):
        exchange.encoded = dialect.encode(document, route)
        exchange.controls["admission"] = "changed"
