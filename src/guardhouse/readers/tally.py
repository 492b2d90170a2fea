"""From lines of the journal to figures: what each record counts as.

All lines of a block are decoded in one call, each into a struct of only the members needed here; measured, that costs
less than telling `opened` lines apart first and not decoding them. Counting `opened` lines is then free, and so is the
gauge of open exchanges: opened minus closed since the segment's header, which names what was open.

What counts as a violation of policy: that a policy refused the caller's operation, model, field, content or size, and
that a model's own filter ended an answer. Failed identification, malformed requests and rate limits are denials with
their own series. An `aborted` exchange has no duration, as nobody knows when it ended.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from guardhouse.model.grounds import OF_RULES
from guardhouse.model.reason import Reason
from guardhouse.model.usage import Timing
from guardhouse.policy.settings import UserLabel
from guardhouse.readers.lines import Closed, Counts, Event, Line, Mended, Opened, Outage, Segment, decoder
from guardhouse.readers.rows import Series
from guardhouse.readers.series import DURATIONS, RATIOS, Pair, User

HIGH_RISK: Final = 7
_RATE_LIMITS: Final = frozenset(
    reason.code
    for reason in (
        Reason.REQUEST_RATE_EXCEEDED,
        Reason.TOKEN_RATE_EXCEEDED,
        Reason.TIER_CAPPED,
        Reason.CONCURRENCY_EXCEEDED,
        Reason.QUOTA_EXHAUSTED,
        Reason.BUDGET_EXHAUSTED,
    )
)
_VIOLATIONS: Final = frozenset(reason.code for reason in OF_RULES)
# answers that were refused because the model server is not what it was
_DRIFTS: Final = {Reason.MODEL_DRIFTED.code: "refused", Reason.ANSWER_OFF_CONTRACT.code: "contract"}


Watch = Callable[[float, str, str, str], None]  # who is told of each use of a credential: at, it, its principal, client

Observer = Callable[[Closed], None]  # who is handed the record of every exchange that has ended, or was refused


class Tally:
    def __init__(
        self,
        label: UserLabel,
        counts: Counts,
        watch: Watch | None = None,
        observers: Sequence[Observer] = (),
        refused: Sequence[Observer] = (),
    ) -> None:
        self.counts = counts
        self._observers = observers
        self._refused = refused
        self._watch = watch
        self._series = Series(label, counts.series)

    def take(self, worker: str, lines: bytes) -> None:
        """Count a block of whole lines."""
        try:
            records = decoder.decode_lines(lines)
        except (msgspec.DecodeError, UnicodeDecodeError):
            records = self._salvage(lines)
        open_now = self.counts.open.get(worker, 0)
        for record in records:
            if type(record) is Closed:
                if self._count(record):
                    open_now -= 1
                else:
                    for observe in self._refused:
                        observe(record)
                for observe in self._observers:
                    observe(record)
                if self._watch is not None and record.credential:
                    self._watch(record.at, record.credential, record.principal, record.client)
            elif type(record) is Opened:
                open_now += 1
            elif type(record) is Segment:
                open_now = len(record.open)
            else:
                self._note(record)
        self.counts.open[worker] = max(open_now, 0)

    def _count(self, record: Closed) -> bool:
        """Whether it was let through."""
        series = self._series
        user, pair = series.rows(record.principal, record.model)
        series.count_finish(pair, record.finish_reason or record.outcome)
        if record.risk >= HIGH_RISK:
            pair.high_risk += 1
        if record.finish_reason == "content_filter":
            series.count_violation(pair, "content_filter")
        if record.shadow is not None:
            would = record.shadow.would
            self.counts.shadow[would] = self.counts.shadow.get(would, 0) + 1
        if record.decision == "denied":
            self._count_denial(record.reason, user, pair)
            return False
        tokens = record.input_tokens
        pair.input_tokens += tokens
        cost = max(record.cost, record.charged_cost)
        if cost:
            series.count_cost(pair, record.policies, record.currency, cost)
        if record.usage_source != "reserved":
            pair.output_tokens += record.output_tokens
        if record.timing is not None:
            self._count_timing(record.model, record.timing)
        if record.reason in _DRIFTS:
            self._count_drift(record.model, _DRIFTS[record.reason])
        if record.media:
            _add(self.counts.media, record.model, record.media)
        if record.unseen is not None:
            _add(self.counts.answer_media, record.model, record.unseen.kinds)
        if tokens and record.usage_source != "reserved":
            user.ratios.observe(RATIOS, record.output_tokens / tokens)
        if record.outcome != "aborted":
            user.durations.observe(DURATIONS, record.duration)
        return True

    def _count_timing(self, model: str, timing: Timing) -> None:
        phases = self.counts.timings.setdefault(model, dict.fromkeys(timing.__struct_fields__, 0.0))
        for phase in phases:
            phases[phase] += getattr(timing, phase)

    def _count_drift(self, model: str, how: str) -> None:
        drifts = self.counts.drifts.setdefault(model, {})
        drifts[how] = drifts.get(how, 0) + 1

    def _count_denial(self, reason: str, user: User, pair: Pair) -> None:
        self.counts.denied[reason] = self.counts.denied.get(reason, 0) + 1
        if reason in _RATE_LIMITS:
            user.rate_limit_hits += 1
        elif reason in _VIOLATIONS:
            self._series.count_violation(pair, reason)

    def _note(self, record: Line) -> None:
        if isinstance(record, Mended):
            self.counts.mended += 1
        elif isinstance(record, Outage):
            self.counts.outages += 1
            self.counts.records_lost += record.records
        elif isinstance(record, Event):
            self.counts.events[record.name] = self.counts.events.get(record.name, 0) + 1
            if record.name == "model.drifted":
                self._count_drift(record.model, "name")

    def _salvage(self, lines: bytes) -> list[Line]:
        """One by one: a line of a kind that is not known here must not cost its neighbours."""
        found: list[Line] = []
        for line in lines.splitlines():
            try:
                found.append(decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.counts.unreadable += 1
        return found


def _add(table: dict[str, dict[str, int]], model: str, more: dict[str, int]) -> None:
    if more:
        kinds = table.setdefault(model, {})
        for kind, count in more.items():
            kinds[kind] = kinds.get(kind, 0) + count
