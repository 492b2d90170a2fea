"""The lines of the journal as the metrics read them: of each record only the members that count.

They are decoded into these structs by tally.py, and what was counted is kept as `Counts`, which is the checkpoint.
"""

from typing import Final

import msgspec

from guardhouse.model.usage import Timing
from guardhouse.readers.series import SeriesTable


class Opened(msgspec.Struct, tag="opened", tag_field="kind", gc=False):
    pass


class Shadow(msgspec.Struct, gc=False):
    would: str


class Unseen(msgspec.Struct, gc=False):
    kinds: dict[str, int] = {}


class Closed(msgspec.Struct, tag="closed", tag_field="kind", gc=False):
    at: float
    id: str
    decision: str
    outcome: str
    reason: str = ""
    principal: str = ""
    credential: str = ""
    client: str = ""
    model: str = ""
    policies: tuple[str, ...] = ()
    finish_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    media: dict[str, int] = {}
    timing: Timing | None = None
    usage_source: str = ""
    cost: int = 0
    charged_cost: int = 0
    currency: str = ""
    duration: float = 0.0
    risk: int = 0
    shadow: Shadow | None = None
    unseen: Unseen | None = None


class Carried(msgspec.Struct, gc=False):
    pass


class Segment(msgspec.Struct, tag="segment", tag_field="kind"):
    open: list[Carried]


class Mended(msgspec.Struct, tag="mended", tag_field="kind"):
    pass


class Outage(msgspec.Struct, tag="outage", tag_field="kind"):
    records: int


class Event(msgspec.Struct, tag="event", tag_field="kind", gc=False):
    name: str
    model: str = ""


Line = Opened | Closed | Event | Segment | Mended | Outage
decoder: Final = msgspec.json.Decoder(Line)


class Counts(msgspec.Struct):
    """Everything that was counted, in the shape of the checkpoint."""

    series: SeriesTable
    denied: dict[str, int] = {}  # reason -> how many
    events: dict[str, int] = {}  # name -> how many
    shadow: dict[str, int] = {}  # what a policy on trial would have done otherwise -> how often
    open: dict[str, int] = {}  # worker -> exchanges
    media: dict[str, dict[str, int]] = {}  # model -> kind -> parts of requests that nobody looked into
    answer_media: dict[str, dict[str, int]] = {}  # the same of answers
    timings: dict[str, dict[str, float]] = {}  # model -> phase -> seconds
    drifts: dict[str, dict[str, int]] = {}  # model -> how its server is not what it was -> how often
    mended: int = 0
    outages: int = 0
    records_lost: int = 0
    unreadable: int = 0
