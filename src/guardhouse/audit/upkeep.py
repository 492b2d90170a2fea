"""What the journal writes on its own account, between the records of exchanges.

`segment` opens every segment and carries over what is still open, so that recovery reads one segment only. `mended`
says that a torn tail was cut off. `outage` says that records could not be written, and how many; those exchanges were
refused, and the ones that had already gone upstream are closed after it with the reason `audit_unavailable`.
The members of Carried have the names and meaning they have in `opened`.
"""

from typing import Self

import msgspec

from guardhouse.audit.record import Closed, Kept, Opened, Outcome
from guardhouse.model.reason import Reason

VERSION = 1


class Carried(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """Of an open exchange what its `closed` has to repeat."""

    id: str
    at: float
    principal: str = ""
    credential: str = ""
    client: str = ""
    operation: str = ""
    model: str = ""
    target: str = ""
    policies: tuple[str, ...] = ()
    region: str = ""
    kept: Kept | None = None
    revision: str = ""
    stream: bool = False
    risk: int = 0
    token_estimate: int = 0
    reserved: int = 0
    reserved_cost: int = 0

    @classmethod
    def from_opened(cls, opened: Opened) -> Self:
        return cls(**{name: getattr(opened, name) for name in cls.__struct_fields__})


class Segment(msgspec.Struct, tag="segment", tag_field="kind", kw_only=True):
    segment: int
    previous: str  # the digest this segment follows, in hex
    worker: str
    at: float
    open: list[Carried]
    version: int = VERSION


class Mended(msgspec.Struct, tag="mended", tag_field="kind", kw_only=True):
    at: float
    segment: int  # whose end was torn
    offset: int
    dropped: int  # bytes
    sha256: str  # of the dropped bytes


class Outage(msgspec.Struct, tag="outage", tag_field="kind", kw_only=True):
    at: float
    since: float
    records: int  # that were not written
    error: str  # the name of the first error: "ENOSPC"


def end(carried: Opened | Carried, at: float, outcome: Outcome, reason: Reason) -> Closed:
    """Close an exchange that did not close itself. It was let through: that much is known."""
    return Closed(
        at=at,
        id=carried.id,
        decision="allowed",
        outcome=outcome,
        reason=reason.code,
        principal=carried.principal,
        credential=carried.credential,
        client=carried.client,
        operation=carried.operation,
        model=carried.model,
        target=carried.target,
        policies=carried.policies,
        region=carried.region,
        kept=carried.kept,
        revision=carried.revision,
        stream=carried.stream,
        risk=carried.risk,
        input_tokens=carried.token_estimate,  # it was sent; what came back nobody knows any more
        usage_source="estimated" if carried.token_estimate else "",
        charged=carried.reserved,
        charged_cost=carried.reserved_cost,
    )
