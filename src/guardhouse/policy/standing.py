"""What operators have switched off for now, beside the policy: suspended principals, closed models, capped tiers,
drained targets.

The policy says what is normally so; this says what is different since ten minutes ago and, as a rule, until tomorrow.
It only ever takes away. The control process publishes it as a whole (control/standing_publisher.py), the workers follow
it (path/gates.py). An end in the past counts as no entry, so that an expiry needs no message to take effect.
"""

import msgspec

from guardhouse.limits.rate import Rate

Until = float | None  # Unix time; None: until somebody lifts it


class Cap(msgspec.Struct, frozen=True):
    """All principals of a tier together may begin this many requests."""

    rate: Rate
    until: Until = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    suspended: dict[str, Until] = {}  # principal
    closed: dict[str, Until] = {}  # model
    drained: dict[str, Until] = {}  # target
    capped: dict[str, Cap] = {}  # tier


def over(until: Until, at: float) -> bool:
    return until is not None and until <= at
