"""Shortening an answer before it is made: the length a caller asks for, lowered to what its limits leave.

For policies that say `cap_output`, and for budgets that reserve the most that can be used, whether they say so or not:
there an answer whose length the caller has not named is given one, for what has no bound cannot be reserved. What is
put in is the model's longest answer, or less if less is left. Nothing is lowered below one token: whether even that
fits is for `admission` to say, with the reason.
"""

from guardhouse.model.operation import CAPPED
from guardhouse.path.exchange import Exchange
from guardhouse.path.size import EVERYTHING, LONGEST_OUTPUT, Size


def cap(exchange: Exchange, size: Size, tokens: int, money: int, *, lower: bool) -> None:
    """Bring the length to what `tokens` and `money` leave for the answer: if it is the caller's, only to `lower` it."""
    model, route, document = exchange.model, exchange.route, exchange.document
    if model is None or route is None or route.operation not in CAPPED:
        return
    dialect = route.dialect
    if route.deferred:  # what is left now says nothing of when it is carried out
        tokens, money, lower = EVERYTHING, EVERYTHING, False
    left, price = tokens, model.price
    if price is not None and price.output:
        left = min(left, money // price.output)
    if not size.answers:
        return
    most = max(1, left // size.answers)
    unsaid = model.max_output or LONGEST_OUTPUT
    named = dialect.is_length_named(document, route)
    if not lower and not size.put_in:
        unsaid = min(most, unsaid)
        most = max(1 if named else unsaid, dialect.longest(document, route))
    size.put_in = size.put_in or not named
    if dialect.shorten(document, route, most, unsaid):
        exchange.encoded = dialect.encode(document, route)
        exchange.controls["admission"] = "changed"
