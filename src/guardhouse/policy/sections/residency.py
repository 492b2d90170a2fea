"""`residency`: where the gateway is and what it writes, and what is to be kept where, whoever calls.

`copies` names what others make of what the gateway writes: the gateway does not see them, but what is in them is its
own, so the rules hold for them.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, Kind, MapOf, Shape
from guardhouse.policy.sections.regions import KEEP_IN, KeepIn, keep_findings, label_findings
from guardhouse.residency.regions import Regions

Original = Literal["state", "journal", "metrics", "limits_store"]


class Copy(msgspec.Struct, frozen=True):
    of: Original
    region: str


class ResidencyEntry(msgspec.Struct, frozen=True, kw_only=True):
    here: str | None = None
    state: str | None = None  # None: here
    keep_in: KeepIn | None = None
    copies: dict[str, Copy] | None = None


_ORIGINALS: dict[str, Original] = {
    "state": "state",
    "journal": "journal",
    "metrics": "metrics",
    "limits_store": "limits_store",
}
_COPY = Shape(
    Copy,
    {
        "of": Key(kinds.Choice("original", _ORIGINALS), "What it is a copy of."),
        "region": Key(kinds.SECTION_NAME, "Where it is."),
    },
)
_COPIES: Kind[dict[str, Copy]] = MapOf(kinds.SECTION_NAME, _COPY)

RESIDENCY = Shape(
    ResidencyEntry,
    {
        "here": Key(kinds.SECTION_NAME, "The region of the machine that the gateway runs on."),
        "state": Key(kinds.SECTION_NAME, "The region of the folder `state` with the journal, if it is not here."),
        "keep_in": Key(KEEP_IN, "Where the bytes of every exchange may be."),
        "copies": Key(_COPIES, "What others copy of what the gateway writes: backups, log shippers, by name."),
    },
)


def findings(entry: ResidencyEntry, regions: Regions, *, declared: bool, store: bool) -> Iterator[tuple[Path, str]]:
    """`store`: there is a limits_store."""
    labels: list[tuple[Path, str | None]] = [(("here",), entry.here), (("state",), entry.state)]
    labels += [(("copies", name, "region"), copy.region) for name, copy in (entry.copies or {}).items()]
    for place, region in labels:
        yield from ((place, message) for message in label_findings(region, regions, declared=declared))
    if entry.state is not None and entry.state == entry.here:
        yield ("state",), "is where it would be taken to be without this key"
    for name, copy in (entry.copies or {}).items():
        if copy.of == "limits_store" and not store:
            yield ("copies", name, "of"), "there is no limits_store"
    for place, message in keep_findings(entry.keep_in, regions, everything=True):
        yield ("keep_in", *place), message
