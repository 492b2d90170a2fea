"""Shortening an answer before it is made: the length a caller asks for, lowered to what its limits leave.

For policies that say `cap_output`. Every field that names a length is lowered, since a model server may read any of
them. Where the caller names none that the operation knows, the model's longest answer stands for it, so that what is
reserved is the most that can be used: a field of another operation may be read, but nobody can rely on it. Nothing is
lowered below one token: whether even that fits is for `admission` to say, with the reason.
"""

from typing import Any

from guardhouse.model.operation import Operation
from guardhouse.path.exchange import Exchange
from guardhouse.wire import json

LENGTHS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_OF_CHAT = ("max_completion_tokens", "max_tokens")


def cap(exchange: Exchange, given: int, tokens: int, money: int) -> None:
    """Lower the length to what `tokens` and `money` leave beside `given` tokens of input."""
    model, operation, document = exchange.model, exchange.operation, exchange.document
    if model is None or operation is None or operation is Operation.EMBEDDINGS:
        return
    left, price = tokens - given, model.price
    if price is not None and price.output:
        left = min(left, (money - given * price.input) // price.output)
    most = max(1, left // answers(document))
    changed = not is_named(document, operation)
    if changed:
        document[_fields(operation)[-1]] = min(most, model.max_output)
    for field in LENGTHS:
        if count(document.get(field)) > most:
            document[field] = most
            changed = True
    if not changed:
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


def is_named(document: dict[str, Any], operation: Operation | None) -> bool:
    """Whether a field says a length that every model server takes for the answer's."""
    return any(type(document.get(field)) is int for field in _fields(operation))


def _fields(operation: Operation | None) -> tuple[str, ...]:
    """The one that is put in stands last."""
    if operation is Operation.RESPONSES:
        return ("max_output_tokens",)
    return _OF_CHAT if operation is Operation.CHAT else ("max_tokens",)
