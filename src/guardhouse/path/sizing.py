"""How much an exchange is counted for: tokens of input and of output, by estimate and at most, before and after.

Before it goes out: the estimate is a quarter of the document's bytes and the length that is asked for; the bound is
what the dialect says of the request (`Dialect.most_given`), the model's `preamble`, and the length that the model
server is told. A bound is worked out only where a budget reserves it (`Grant.bounded`). A request that nothing bounds
is refused there.

After it is over: what the model server reports counts, and nothing else is known so well. What it does not report is
charged as it was reserved: of an answer that flows, no more than what has flowed, each byte a token at most; of one
that does not, all of it, since the model server may have finished it when the caller left. So nobody pays less for
leaving early than for staying, and no budget is overrun by it. What has no answer in tokens (vectors, tensors) is its
input, as that was reserved. What no model server took on, or what it refused, costs nothing.
"""

from typing import Final

from guardhouse.limits.book import Admitted, Book
from guardhouse.limits.load import Load, exactly
from guardhouse.limits.quota import Price
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.grounds import UNREACHED
from guardhouse.model.operation import MEASURED_IN_TOKENS, Operation
from guardhouse.model.reason import Reason
from guardhouse.model.usage import Usage
from guardhouse.path import deferred_size
from guardhouse.path.exchange import Exchange
from guardhouse.path.size import LONGEST_OUTPUT, Size

BYTES_PER_TOKEN = 4
UNSTATED_OUTPUT = 256  # tokens reserved by estimate for an answer whose length nobody named
_MOST = 2**53  # more than any limit; larger wishes are as impossible as this one
_FREE: Final = UNREACHED | {  # no model server has begun to work for it
    Reason.UPSTREAM_UNAVAILABLE,
    Reason.UPSTREAM_CREDENTIAL_UNAVAILABLE,
    Reason.UPSTREAM_CREDENTIAL_REFUSED,
    Reason.UPSTREAM_SATURATED,
}


def given(exchange: Exchange) -> Size:
    """The size as far as the input makes it."""
    size = exchange.size
    if size is None:
        size = exchange.size = Size()
    size.given = size.most_given = len(exchange.encoded) // BYTES_PER_TOKEN + 1
    if exchange.document is not None and exchange.route is not None:
        size.answers = exchange.route.dialect.answers(exchange.document, exchange.route)
    return size


def bound(exchange: Exchange, size: Size) -> Verdict:
    """The most that the input can be; a denial where it can be anything."""
    model, route, document = exchange.model, exchange.route, exchange.document
    if model is None or route is None or document is None or not (size.answers or route.deferred):
        return None
    if route.deferred:
        return deferred_size.bound(exchange)
    dialect, operation = route.dialect, route.operation
    if dialect.is_endless(document):
        return Denial(Reason.INPUT_UNBOUNDED, "The model server would go on with tools of its own.")
    most = dialect.most_given(document, exchange.encoded, route)
    if most is None:
        if not model.max_input:
            return Denial(Reason.INPUT_UNBOUNDED, "It brings in what does not stand in it.")
        most = model.max_input
    else:
        if operation is Operation.CHAT or operation is Operation.RESPONSES:
            most += model.preamble
        if (
            exchange.found is not None
            and exchange.grant is not None
            and exchange.grant.mask_request & exchange.found[1]
        ):
            most *= 2  # what takes a value's place may be longer, by less than that
        if model.max_input and operation is not Operation.PREDICT:
            most = min(most, model.max_input * dialect.inputs(document))
    size.most_given = min(most, _MOST)
    return None


def made(exchange: Exchange, size: Size) -> None:
    """The size of the answer, when the request says what it will say."""
    document, route, grant = exchange.document, exchange.route, exchange.grant
    if document is None or route is None or route.operation not in MEASURED_IN_TOKENS:
        size.made = size.most_made = 0
        if route is not None and route.deferred:
            deferred_size.fill(route, size)
        return
    length = estimate = route.dialect.longest(document, route)
    if not length or not route.dialect.is_length_named(document, route):
        estimate = max(length, UNSTATED_OUTPUT)
    elif size.put_in and grant is not None and not grant.cap_output:
        estimate = min(length, UNSTATED_OUTPUT)
    if not length:  # none is wished for, which not every model server takes at its word
        length = LONGEST_OUTPUT if exchange.model is None else exchange.model.max_output or LONGEST_OUTPUT
    size.made = min(estimate * size.answers, _MOST - size.given)
    size.most_made = min(length * size.answers, _MOST - size.most_given)


def load(size: Size, price: Price | None, *, bounded: bool) -> Load:
    tokens = size.given + size.made
    money = 0 if price is None else price.of(size.given, size.made)
    if not bounded:
        return Load(tokens, money, tokens, money)
    most_money = 0 if price is None else price.of(size.most_given, size.most_made)
    return Load(tokens, money, max(tokens, size.most_given + size.most_made), max(money, most_money))


def load_of_input(size: Size, price: Price | None) -> Load:
    if price is None:
        return Load(size.given, 0, size.most_given, 0)
    return Load(size.given, price.of(size.given, 0), size.most_given, price.of(size.most_given, 0))


def used(exchange: Exchange, denial: Denial | None) -> Usage:
    """What was used as far as it is known."""
    if exchange.usage is not None:
        return exchange.usage
    refused = exchange.status >= 400 or (denial is not None and denial.reason in _FREE)
    if not exchange.sent or exchange.signals is None or refused:
        return Usage(0, 0, "estimated")
    if exchange.route is not None and exchange.route.deferred:
        return deferred_size.used(exchange.route)
    size, tokens = exchange.size, exchange.signals.token_estimate
    if exchange.operation not in MEASURED_IN_TOKENS:
        return Usage(tokens if size is None else size.given, 0, "estimated")
    if not tokens and size is not None:
        tokens = size.given  # numbers, in which there is no text
    if exchange.begun or exchange.stream:
        return Usage(tokens, exchange.output_chars // BYTES_PER_TOKEN, "estimated")
    if denial is None:
        return Usage(tokens, len(exchange.answer) // BYTES_PER_TOKEN, "estimated")
    return Usage(tokens, 0, "estimated") if size is None else Usage(tokens, size.made, "reserved")


def charge(exchange: Exchange, usage: Usage, cost: int) -> Load:
    """What limits are settled with."""
    size, admission, grant = exchange.size, exchange.admission, exchange.grant
    tokens = usage.input_tokens + usage.output_tokens
    if size is None or grant is None or not grant.bounded or not isinstance(admission, Admitted):
        return exactly(tokens, cost)
    lost = admission.load.most_tokens * size.lost, admission.load.most_money * size.lost
    if usage.source == "reported" or not tokens:
        return Load(tokens, cost, tokens + lost[0], cost + lost[1])
    output = size.most_made
    if exchange.begun or exchange.stream:
        output = min(exchange.output_chars, max(output, usage.output_tokens))
    price = None if exchange.model is None else exchange.model.price
    money = 0 if price is None else price.of(size.most_given, output)
    return Load(tokens, cost, max(tokens, size.most_given + output) + lost[0], max(cost, money) + lost[1])


def may_repeat(exchange: Exchange, book: Book, at: float) -> bool:
    """Whether limits allow that it is sent once more, after a model server broke that may have done all of it: where a
    budget reserves a bound, only if there is room for all of it once more."""
    size, admission, grant = exchange.size, exchange.admission, exchange.grant
    if size is None or grant is None or not grant.bounded or not isinstance(admission, Admitted):
        return True
    load = admission.load
    return book.extend(admission, exactly(load.most_tokens, load.most_money), at)
