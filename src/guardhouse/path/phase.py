"""What a connection waits for, and so which deadline of it runs; and how a body is judged that is on its way."""

from enum import Enum
from typing import Final

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.policy.settings import Listen

_GRACE: Final = 5.0  # seconds before the minimum rate counts


class Phase(Enum):
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    PAUSED = "paused"  # its body is not read until there is room for it
    SERVING = "serving"  # no deadline of the listener runs
    LINGER = "linger"
    CLOSED = "closed"


def judge_body(elapsed: float, received: int, listen: Listen) -> Verdict:
    """Of a body that has been arriving for `elapsed` seconds."""
    if elapsed > listen.deadlines.body:
        return Denial(Reason.BODY_TIMEOUT)
    if elapsed > _GRACE and received < (elapsed - _GRACE) * listen.limits.minimum_rate:
        return Denial(Reason.BODY_TOO_SLOW)
    return None
