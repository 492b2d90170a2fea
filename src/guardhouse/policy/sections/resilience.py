"""`breaker` and `weight` of a target, `choose`, `sticky_by` and `repeat` of a model, `upstream.retries`."""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, ListOf, Shape
from guardhouse.policy.resilience import Breaking, Checking, Retries

How = Literal["first", "weighted", "least_pending", "sticky"]
Repeat = Literal["unsent", "unanswered"]
Finding = tuple[Path, str]

_PERCENT = r"([1-9][0-9]?|100)%"
_STICKY_BY = (
    r"(principal|user|prompt_cache_key|metadata\.user_id|parameters\.sequence_id|header:[a-z0-9][a-z0-9-]{0,63})"
)
_HOWS: dict[str, How] = {
    "first": "first",
    "weighted": "weighted",
    "least_pending": "least_pending",
    "sticky": "sticky",
}
_NOT_TO_STICK_BY = frozenset(("header:authorization", "header:x-api-key", "header:api-key", "header:cookie"))


def _parse_percent(text: str) -> int | None:
    match = re.fullmatch(_PERCENT, text)
    return int(match[1]) if match else None


def _parse_sticky(text: str) -> str | None:
    return text if re.fullmatch(_STICKY_BY, text) and text not in _NOT_TO_STICK_BY else None


_SHARE = kinds.Figure(_parse_percent, lambda share: f"{share}%", _PERCENT, "a share; write 1% to 100%, such as 20%")

WEIGHT = kinds.Whole(1, 1000)
HOW = kinds.Choice("way to choose", _HOWS)
STICKY_BY = kinds.Figure(
    _parse_sticky,
    str,
    _STICKY_BY,
    "what a session goes by; write principal, user, prompt_cache_key, metadata.user_id, parameters.sequence_id "
    "or header:NAME in small letters, no credential",
)
REPEAT: kinds.Choice[Repeat] = kinds.Choice("case", {"unsent": "unsent", "unanswered": "unanswered"})

BREAKER = Shape(
    Breaking,
    {
        "failures": Key(kinds.Whole(1, 1000), "Failures one after the other at which it is left alone."),
        "share": Key(_SHARE, "The same for the share of ten seconds that failed, if there were at least 20."),
        "pause": Key(kinds.DURATION, "How long it is left alone; twice as long after each trial that fails."),
        "longest": Key(kinds.DURATION, "How long at most."),
        "statuses": Key(
            ListOf(kinds.Whole(400, 599), may_be_empty=True), "Answers that count as failures of the server."
        ),
    },
)

HEALTH = Shape(
    Checking,
    {
        "path": Key(
            kinds.Text(r"(?!.*/\.\.?(/|$))(/[A-Za-z0-9._~+-]+)+", "a path; write one such as /health"),
            "Where it tells how it is, below its url: 200 to 299 is well.",
        ),
        "every": Key(kinds.DURATION, "How often each worker asks."),
        "timeout": Key(kinds.DURATION, "How long the answer may take."),
        "failures": Key(kinds.Whole(1, 100), "Bad answers in a row after which it gets nothing."),
        "successes": Key(kinds.Whole(1, 100), "Good answers in a row after which it gets something again."),
    },
)

RETRIES = Shape(
    Retries,
    {
        "share": Key(_SHARE, "What may be tried again, as a share of all requests; a few always may."),
        "attempts": Key(kinds.Whole(1, 10), "How often one request is tried, the first time counted."),
        "pause": Key(kinds.DURATION, "The first pause before the same servers are tried again; it grows, by chance."),
    },
)


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of its choice, and the weights of its targets."""

    how: How
    sticky_by: str | None
    weights: tuple[int | None, ...]


def breaker_findings(breaker: Breaking) -> Iterator[Finding]:
    if breaker.longest < breaker.pause:
        yield ("longest",), "must not be less than pause"


def choice_findings(models: Mapping[str, Chosen]) -> Iterator[Finding]:
    for name, chosen in models.items():
        if chosen.how != "first" and len(chosen.weights) < 2:
            yield ("models", name, "choose"), "has no effect: the model has one target"
        if chosen.sticky_by is not None and chosen.how != "sticky":
            yield ("models", name, "sticky_by"), "has no effect without choose: sticky"


def weight_findings(weights: Mapping[str, int | None], counting: set[str]) -> Iterator[Finding]:
    """`counting`: targets of models that choose by weight."""
    for name, weight in weights.items():
        if weight is not None and name not in counting:
            yield ("targets", name, "weight"), "has no effect: its models take their targets in the order of the list"
