"""Where the bytes of each exchange went, by the journal alone: what `guardhouse residency report` tells.

`tell` reads the journals below a folder and yields the lines of a report, plain structs in this order: what was read
and whether it is sound, each exchange, what is missing, and the sum. Nothing of the configuration of today is asked,
because the exchanges of yesterday were under another one: regions of servers stand in their records, and where the
gateway and its places were is told by the event `residency.places` for each revision.

An exchange is `kept` if everything it says about itself agrees with the rules that it was under, `left` if anything
does not, `free` where no rule spoke of it, `refused` if nothing of it went to any server, and `open` if its end is not
there. What cannot be told is a gap and has a line of its own; it is never taken for something good.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from guardhouse.audit.record import Closed, Event, Opened
from guardhouse.audit.segment import list_segments
from guardhouse.audit.upkeep import Mended, Outage, Segment
from guardhouse.audit.verify import verify
from guardhouse.model.grounds import UNREACHED
from guardhouse.model.reason import Reason
from guardhouse.residency.places import ORIGINALS

Verdict = Literal["kept", "left", "free", "refused", "open"]

_PLACES = "residency.places"
_NOT_SENT = frozenset(  # what says that nothing had been sent to a server; of anything else it is taken that it was
    reason.code
    for reason in (
        *UNREACHED,
        Reason.UPSTREAM_UNAVAILABLE,
        Reason.UPSTREAM_CREDENTIAL_UNAVAILABLE,
        Reason.UPSTREAM_SATURATED,
        Reason.REGION_DENIED,
    )
)


class Read(msgspec.Struct, tag="journal", tag_field="kind", kw_only=True):
    journal: str
    sound: bool
    first: int
    segments: int
    records: int
    digest: str


class Places(msgspec.Struct, tag="places", tag_field="kind", kw_only=True):
    """Where everything was under a revision, by the names of docs/residency.md."""

    journal: str
    at: float
    revision: str
    regions: dict[str, str]


class Went(msgspec.Struct, tag="exchange", tag_field="kind", kw_only=True, omit_defaults=True):
    at: float
    id: str
    journal: str
    verdict: Verdict
    principal: str = ""
    model: str = ""
    target: str = ""
    revision: str = ""
    reason: str = ""
    by: tuple[str, ...] = ()  # the rules that spoke of it
    within: tuple[str, ...] = ()  # the regions where they let its content be
    withheld: dict[str, int] = {}  # taken out for the server
    regions: dict[str, tuple[str, ...]] = {}  # kind of bytes -> where they went; "" is somewhere without a label


class Gap(msgspec.Struct, tag="gap", tag_field="kind", kw_only=True):
    """Something that the report cannot tell of."""

    journal: str
    what: str


class Sum(msgspec.Struct, tag="sum", tag_field="kind", kw_only=True):
    exchanges: int
    verdicts: dict[str, int]
    regions: dict[str, dict[str, int]]  # kind of bytes -> region -> how many exchanges
    gaps: int


Line = Read | Places | Went | Gap | Sum

_decode = msgspec.json.Decoder(Opened | Closed | Event | Segment | Mended | Outage).decode


def tell(root: Path, since: float, until: float) -> Iterator[Line]:
    """The report of all journals below `root`, of the exchanges that ended between the two times."""
    verdicts: Counter[str] = Counter()
    regions: dict[str, Counter[str]] = {}
    gaps = 0
    for report in verify(root):
        journal = Path(report.journal)
        yield Read(
            journal=journal.name,
            sound=report.fault is None,
            first=report.first,
            segments=report.segments,
            records=report.records,
            digest=report.digest,
        )
        found: list[Line] = []
        if report.fault is not None:
            place = f"{Path(report.fault.file).name}:{report.fault.line}"
            found.append(Gap(journal=journal.name, what=f"{place}: {report.fault.what}; nothing behind it counts"))
        if report.first > 1:
            found.append(Gap(journal=journal.name, what=f"the segments before {report.first} are not here"))
        sound = None if report.fault is None else report.records
        for line in [*found, *_Journal(journal, since, until).lines(sound)]:
            gaps += isinstance(line, Gap)
            if isinstance(line, Went):
                verdicts[line.verdict] += 1
                for kind, where in line.regions.items():
                    regions.setdefault(kind, Counter()).update(where)
            yield line
    counted = {kind: dict(sorted(where.items())) for kind, where in sorted(regions.items())}
    yield Sum(exchanges=verdicts.total(), verdicts=dict(sorted(verdicts.items())), regions=counted, gaps=gaps)


class _Journal:
    def __init__(self, journal: Path, since: float, until: float) -> None:
        self._journal = journal
        self._since = since
        self._until = until
        self._places: dict[str, dict[str, str]] = {}  # by revision
        self._open: dict[str, Opened] = {}
        self._unplaced: set[str] = set()

    def lines(self, sound: int | None) -> Iterator[Line]:
        """`sound`: how many records can be believed; None: all."""
        count = 0
        for path in list_segments(self._journal):
            with path.open("rb") as file:
                for line in file:
                    if sound is not None and count >= sound:
                        return
                    count += 1
                    if line.endswith(b"\n"):
                        yield from self._line(line)
        for opened in self._open.values():
            if self._since <= opened.at < self._until:
                yield self._went(opened, None)

    def _line(self, line: bytes) -> Iterator[Line]:
        try:
            record = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            yield Gap(journal=self._journal.name, what="a record of a kind that this release does not know")
            return
        if isinstance(record, Opened):
            self._open[record.id] = record
        elif isinstance(record, Closed):
            opened = self._open.pop(record.id, None)
            if self._since <= record.at < self._until:
                yield from self._closed(record, opened)
        elif isinstance(record, Event):
            if record.name == _PLACES:
                yield self._placed(record)
        elif isinstance(record, Mended):
            yield Gap(journal=self._journal.name, what=f"{record.dropped} bytes of a torn line were cut off")
        elif isinstance(record, Outage):
            what = f"{record.records} records could not be written, {record.error}; their exchanges were refused or cut"
            yield Gap(journal=self._journal.name, what=what)

    def _placed(self, event: Event) -> Places:
        facts = {name: str(value) for name, value in event.facts.items()}
        revision = facts.pop("revision", "")
        self._places[revision] = facts
        return Places(journal=self._journal.name, at=event.at, revision=revision, regions=facts)

    def _closed(self, record: Closed, opened: Opened | None) -> Iterator[Line]:
        if record.kept is not None and record.revision not in self._places and record.revision not in self._unplaced:
            self._unplaced.add(record.revision)
            what = f"where the places of revision {record.revision} were is not in what is here"
            yield Gap(journal=self._journal.name, what=what)
        if opened is None and record.decision == "allowed" and record.target:
            yield Gap(journal=self._journal.name, what=f"exchange {record.id} was opened before what is here begins")
        yield self._went(opened, record)

    def _went(self, opened: Opened | None, closed: Closed | None) -> Went:
        record = closed or opened
        assert record is not None
        kept = record.kept
        sent = _sent_to(opened, closed)
        regions = self._regions(record.revision, sent)
        left = bool(kept is not None and kept.within and not set(sent) <= set(kept.within))
        verdict: Verdict = "left" if left else "free" if kept is None else "kept"
        if closed is None:
            verdict = "open" if not left else verdict
        elif not sent and not left:
            verdict = "refused"
        return Went(
            at=record.at,
            id=record.id,
            journal=self._journal.name,
            verdict=verdict,
            principal=record.principal,
            model=record.model,
            target=record.target,
            revision=record.revision,
            reason="" if closed is None else closed.reason,
            by=() if kept is None else kept.by,
            within=() if kept is None else kept.within,
            withheld={} if kept is None else kept.withheld,
            regions=regions,
        )

    def _regions(self, revision: str, sent: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        places = self._places.get(revision, {})
        here = (places["gateway"],) if "gateway" in places else ()
        told = tuple(sorted({region for name, region in places.items() if _gets_metadata(name)}))
        regions = {"prompt": tuple(dict.fromkeys((*here, *sent))), "metadata": told}
        if sent:
            regions["answer"] = tuple(dict.fromkeys((*sent, *here)))
            regions["upstream credential"] = sent
        return {kind: where for kind, where in regions.items() if where}


def _gets_metadata(place: str) -> bool:
    return place == "gateway" or place in ORIGINALS or place.startswith("copy:")


def _sent_to(opened: Opened | None, closed: Closed | None) -> tuple[str, ...]:
    """The regions that content was sent to, or may have been: of an exchange without an end, where it was to go."""
    if closed is None:
        return () if opened is None else (opened.region,)
    if closed.decision == "denied" or not closed.target or closed.reason in _NOT_SENT:
        sent: list[str] = []
    else:
        sent = [closed.region]
    return tuple(dict.fromkeys([*(each.region for each in closed.attempts if each.outcome not in _NOT_SENT), *sent]))
