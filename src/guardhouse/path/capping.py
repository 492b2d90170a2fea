"""Shortening an answer before it is made: the length a caller asks for, lowered to what its limits leave.

For policies that say `cap_output`. Every field that names a length is lowered, since a model server may read any of
them; where the caller names none, the model's longest answer stands for it, so that what is reserved is the most that
can be used. Nothing is lowered below one token: whether even that fits is for `admission` to say, with the reason.
"""

from typing import Any

from guardhouse.model.operation import Operation
from guardhouse.path.exchange import Exchange
from guardhouse.wire import json

LENGTHS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def cap(exchange: Exchange, given: int, tokens: int, money: int) -> None:
    """Lower the length to what `tokens` and `money` leave beside `given` tokens of input."""
    model, operation, document = exchange.model, exchange.operation, exchange.document
    if model is None or operation is None or operation is Operation.EMBEDDINGS:
        return
    left, price = tokens - given, model.price
    if price is not None and price.output:
        left = min(left, (money - given * price.input) // price.output)
    most = max(1, left // answers(document))
    if not _named(document):
        document[_field(operation)] = min(most, model.max_output)
    elif longest(document) > most:
        for field in LENGTHS:
            if count(document.get(field)) > most:
                document[field] = most
    else:
        return
    exchange.encoded = json.encode(document)
    exchange.controls["admission"] = "changed"


def longest(document: dict[str, Any]) -> int:
    """The largest length that any field names; 0 if none does."""
    longest = 0
    for field in LENGTHS:
        if field in document:
            longest = max(longest, count(document[field]))
    return longest


def answers(document: dict[str, Any]) -> int:
    """How many answers are made."""
    made = max(1, count(document.get("n")), count(document.get("best_of")))
    prompts = document.get("prompt")
    return made * (max(1, len(prompts)) if type(prompts) is list else 1)


def count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def _named(document: dict[str, Any]) -> bool:
    return any(type(document.get(field)) is int for field in LENGTHS)


def _field(operation: Operation) -> str:
    return "max_output_tokens" if operation is Operation.RESPONSES else "max_tokens"
