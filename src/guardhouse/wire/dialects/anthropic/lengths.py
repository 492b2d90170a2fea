"""How long the answer may become, in tokens, as the request says it, and how that is lowered.

`max_tokens` is required here, so a length is always named. Fields of other APIs that name one are read and lowered as
well, since a model server that speaks several may read any of them. `thinking.budget_tokens` is a part of `max_tokens`
and has to be smaller; where that leaves less than the smallest budget there is, thinking is switched off.

Counting tokens makes no answer: it has no length, and the number of its answers is 0.
"""

from typing import Any

LENGTHS = ("max_tokens", "max_tokens_to_sample", "max_completion_tokens", "max_output_tokens")
_LEAST_BUDGET = 1024  # what the API itself takes


def longest(document: dict[str, Any]) -> int:
    """The largest length that any field names; 0 if none does."""
    longest = _budget(document)
    for field in LENGTHS:
        if field in document:
            longest = max(longest, _count(document[field]))
    return longest


def is_named(document: dict[str, Any]) -> bool:
    return type(document.get("max_tokens")) is int


def answers(document: dict[str, Any]) -> int:
    """How many answers are made: one, but for what a server that speaks another API as well may read."""
    return max(1, _count(document.get("n")), _count(document.get("best_of")))


def shorten(document: dict[str, Any], most: int, unsaid: int) -> bool:
    """Lower every length to `most`; where none is named, the smaller of `most` and `unsaid` is put in."""
    changed = not is_named(document)
    if changed:
        document["max_tokens"] = min(most, unsaid)
    for field in LENGTHS:
        if _count(document.get(field)) > most:
            document[field] = most
            changed = True
    return _shorten_thinking(document, most) or changed


def _shorten_thinking(document: dict[str, Any], most: int) -> bool:
    if _budget(document) < most:
        return False
    if most > _LEAST_BUDGET:
        document["thinking"]["budget_tokens"] = most - 1
    else:
        document["thinking"] = {"type": "disabled"}
    return True


def _budget(document: dict[str, Any]) -> int:
    thinking = document.get("thinking")
    return _count(thinking.get("budget_tokens")) if type(thinking) is dict else 0


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
