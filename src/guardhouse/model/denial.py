"""The verdict of a stage: `None` lets the exchange go on, a `Denial` ends it.

`detail` and `param` go to the caller and to the journal, so they name places and limits, never content.
"""

from typing import final

import msgspec

from guardhouse.model.reason import Reason


@final
class Denial(msgspec.Struct, frozen=True):
    reason: Reason
    detail: str = ""  # one sentence: what and where
    param: str | None = None  # the field of the request that is at fault, as a path: "messages[2].content"
    retry_after: float | None = None  # seconds


Verdict = Denial | None
