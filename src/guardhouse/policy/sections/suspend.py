"""`suspend`: whom the gateway suspends by itself, because refusals of one principal pile up.

A rule names reasons (docs/reasons.md) and how many of them within how long are too many. Without `lasting` the rule
only tells, with an event. Only reasons that concern a known principal make sense: nobody can suspend a stranger.
"""

from collections.abc import Iterator

from guardhouse.model.reason import Reason
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.reading import Key, ListOf, Shape
from guardhouse.policy.settings import SuspendRule

# what is said of somebody who is known; whoever is suspended already is not counted
COUNTED = {
    reason.code: reason.code
    for reason in (
        Reason.OPERATION_DENIED,
        Reason.MODEL_DENIED,
        Reason.POLICY_DENIED,
        Reason.CONDITION_UNMET,
        Reason.REQUEST_RATE_EXCEEDED,
        Reason.TOKEN_RATE_EXCEEDED,
        Reason.TOKENS_BEYOND_LIMIT,
        Reason.CONCURRENCY_EXCEEDED,
        Reason.QUOTA_EXHAUSTED,
        Reason.BUDGET_EXHAUSTED,
        Reason.COST_BEYOND_BUDGET,
        Reason.TIER_CAPPED,
        Reason.FIELD_FORBIDDEN,
        Reason.CONTENT_UNREADABLE,
        Reason.JSON_MALFORMED,
        Reason.SHAPE_INVALID,
    )
}

SUSPEND = Shape(
    SuspendRule,
    {
        "name": Key(kinds.POLICY_NAME, "Names the rule in events and in `guardhouse standing`; each name once."),
        "reasons": Key(ListOf(kinds.Choice("reason", COUNTED)), "Which refusals of a principal are counted."),
        "above": Key(kinds.RATE, "How many of them in how long are borne; every one more is too many."),
        "lasting": Key(kinds.DURATION, "For how long the principal is suspended then; left out, it is only told."),
    },
)


def findings(rules: tuple[SuspendRule, ...]) -> Iterator[tuple[Path, str]]:
    names = [rule.name for rule in rules]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield ("suspend", number, "name"), f"several rules have the name {quote(name)}"
