"""`price` of a model: what its tokens cost, so that budgets of money can be kept.

A budget of money is only as good as the prices behind it, so what has no price under such a budget is an error, and so
is a price in another currency: there are no rates of exchange here. `max_output` is the other figure that exactness
needs: the longest answer, reserved where a caller names no length and a policy caps answers.
"""

from collections.abc import Iterable, Iterator

import msgspec

from guardhouse.limits.quota import PRICE_PATTERN, Price, parse_price, show_price
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, Kind, Shape
from guardhouse.policy.sections.limits import Limits

Finding = tuple[Path, str]
Amount = tuple[int, str]  # billionths per token, currency


class PriceEntry(msgspec.Struct, frozen=True, kw_only=True):
    input: Amount
    output: Amount | None = None


_AMOUNT: Kind[Amount] = kinds.Figure(
    parse_price, show_price, PRICE_PATTERN, "a price; write what a million tokens cost, such as 0.50 EUR/1M"
)

PRICE = Shape(
    PriceEntry,
    {
        "input": Key(_AMOUNT, "Of a million tokens of input, such as 0.50 EUR/1M."),
        "output": Key(_AMOUNT, "Of a million tokens of output; may be left out of a model that only embeds."),
    },
)


def price(entry: PriceEntry | None) -> Price | None:
    if entry is None:
        return None
    return Price(entry.input[1], entry.input[0], 0 if entry.output is None else entry.output[0])


def priced_alike(entry: PriceEntry | None) -> Iterator[Finding]:
    """What a price says of itself, at its place in the model."""
    if entry is not None and entry.output is not None and entry.output[1] != entry.input[1]:
        yield ("price", "output"), f"is in {entry.output[1]}, and input in {entry.input[1]}"


def unpriced(limits: Limits, models: Iterable[tuple[str, PriceEntry | None]], *, answers: bool) -> Iterator[Finding]:
    """Which budgets of a policy cannot be kept on which of its models, at their place in `limits`."""
    known = list(models)
    for index, budget in enumerate(limits.budget):
        for name, entry in known if budget.unit == "money" else ():
            if entry is None:
                yield ("budget", index), f"needs a price of the model {name}"
            elif entry.input[1] != budget.currency:
                yield (
                    ("budget", index),
                    f"is in {budget.currency}, and the price of the model {name} in {entry.input[1]}",
                )
            elif entry.output is None and answers:
                yield ("budget", index), f"needs a price for the output of the model {name}"


def unbounded(limits: Limits, models: Iterable[tuple[str, int | None]], *, answers: bool) -> Iterator[Finding]:
    """On which models a policy that caps answers would not know how long an answer may be."""
    if limits.cap_output and answers:
        for name, most in models:
            if most is None:
                yield ("cap_output",), f"needs max_output of the model {name}"
