from pathlib import Path

import msgspec
import pytest

from audit.journaling import AT, closed, denied, opened, segments, write
from guardhouse.audit import upkeep
from guardhouse.audit.record import Closed, Event, Opened, Shadow
from guardhouse.model.reason import Reason
from guardhouse.policy.settings import UserLabel
from guardhouse.readers.lines import Counts
from guardhouse.readers.series import DURATIONS, Pair, SeriesTable
from guardhouse.readers.tally import Tally


def counted(*records: msgspec.Struct) -> Counts:
    counts = Counts(SeriesTable(10_000))
    Tally(UserLabel(), counts).take("w0", b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    return counts


def pair_of(counts: Counts, user: str = "alice", model: str = "small") -> Pair:
    (found,) = [pair for pair in counts.series.pairs if (pair.user, pair.model) == (user, model)]
    return found


def test_a_completed_exchange_counts_its_tokens_its_ratio_and_its_duration() -> None:
    counts = counted(opened("a"), closed("a", input_tokens=10, output_tokens=5, duration=0.25))
    pair, user = pair_of(counts), counts.series.users["alice"]
    assert (pair.finishes, pair.input_tokens, pair.output_tokens) == ({"stop": 1}, 10, 5)
    assert (user.ratios.total, user.durations.total) == (0.5, 0.25)
    assert user.durations.counts.index(1) == DURATIONS.index(0.25)
    assert (counts.denied, counts.open, pair.violations) == ({}, {"w0": 0}, {})


def test_what_was_only_reserved_is_no_output_and_costs_what_was_charged() -> None:
    record = closed(
        "a", outcome="cancelled", usage_source="reserved", output_tokens=500, cost=10, charged_cost=40, currency="EUR"
    )
    counts = counted(opened("a"), record)
    assert (pair_of(counts).input_tokens, pair_of(counts).output_tokens) == (10, 0)
    assert sum(counts.series.users["alice"].ratios.counts) == 0
    assert [cost.amount for cost in counts.series.costs] == [40]


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "aborted"])
def test_an_exchange_without_a_finish_reason_counts_under_its_outcome(outcome: str) -> None:
    counts = counted(opened("a"), closed("a", outcome=outcome, finish_reason="", input_tokens=0))
    assert pair_of(counts).finishes == {outcome: 1}
    assert sum(counts.series.users["alice"].durations.counts) == (outcome != "aborted")
    assert sum(counts.series.users["alice"].ratios.counts) == 0


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_of_a_denial_is_counted_once_and_where_it_belongs(reason: Reason) -> None:
    counts = counted(denied("a", reason.code, model="small"))
    limit = reason in {
        *(Reason.REQUEST_RATE_EXCEEDED, Reason.TOKEN_RATE_EXCEEDED, Reason.TIER_CAPPED),
        *(Reason.CONCURRENCY_EXCEEDED, Reason.QUOTA_EXHAUSTED, Reason.BUDGET_EXHAUSTED),
    }
    violations = {
        *("operation_denied", "model_denied", "field_forbidden", "content_unreadable"),
        *("tokens_beyond_limit", "cost_beyond_budget", "policy_denied", "condition_unmet"),
        *("approval_unavailable", "no_target_left", "input_unbounded", "region_denied", "reach_forbidden"),
        "stored_refused",
        *("contract_violated", "parameter_refused", "feature_refused", "content_beyond_limit", "url_refused"),
        *("injection_found", "signature_required", "media_refused", "media_mislabelled"),
    }
    assert counts.denied == {reason.code: 1}
    assert counts.series.users["alice"].rate_limit_hits == limit
    assert pair_of(counts).violations == ({reason.code: 1} if reason.code in violations else {})
    assert pair_of(counts).finishes == {"denied": 1}
    assert sum(counts.series.users["alice"].durations.counts) == 0


def test_an_answer_that_a_content_filter_ended_is_a_violation() -> None:
    pair = pair_of(counted(opened("a"), closed("a", finish_reason="content_filter")))
    assert (pair.violations, pair.finishes) == ({"content_filter": 1}, {"content_filter": 1})


@pytest.mark.parametrize(("risk", "high"), [(6, 0), (7, 1), (10, 1)])
def test_a_risk_of_seven_or_more_is_high(risk: int, high: int) -> None:
    assert pair_of(counted(opened("a"), closed("a", risk=risk))).high_risk == high
    assert pair_of(counted(denied("a", model="small", risk=risk))).high_risk == high


def test_open_exchanges_are_those_opened_and_not_closed() -> None:
    counts = counted(opened("a"), opened("b"), denied("c"), closed("a"), opened("d"))
    assert counts.open == {"w0": 2}


def test_a_header_puts_the_open_exchanges_right() -> None:
    carried = [upkeep.Carried(id="a", at=AT), upkeep.Carried(id="b", at=AT)]
    header = upkeep.Segment(segment=4, previous="", worker="w0", at=AT, open=carried)
    assert counted(opened("x"), header, closed("a")).open == {"w0": 1}


def test_what_the_journal_says_of_itself_is_counted() -> None:
    counts = counted(
        upkeep.Mended(at=AT, segment=1, offset=9, dropped=3, sha256=""),
        upkeep.Outage(at=AT, since=AT, records=12, error="ENOSPC"),
    )
    assert (counts.mended, counts.outages, counts.records_lost) == (1, 1, 12)


def test_a_line_of_an_unknown_kind_costs_none_of_its_neighbours() -> None:
    lines = [msgspec.json.encode(closed("a")), b'{"kind":"held"}', b"\xff{", b"", msgspec.json.encode(closed("b"))]
    counts = Counts(SeriesTable(10_000))
    Tally(UserLabel(), counts).take("w0", b"\n".join(lines) + b"\n")
    assert pair_of(counts).finishes == {"stop": 2}
    assert counts.unreadable == 3


def test_what_the_journal_writes_is_what_is_read(tmp_path: Path) -> None:
    records: list[Opened | Closed] = [opened("a"), closed("a"), denied("b"), opened("c")]
    write(tmp_path, *records)
    counts = Counts(SeriesTable(10_000))
    Tally(UserLabel(), counts).take("w0", segments(tmp_path)[0].read_bytes())
    assert (counts.unreadable, counts.open, sum(pair_of(counts).finishes.values())) == (0, {"w0": 1}, 1)


def test_users_are_labelled_by_policy() -> None:
    counts = Counts(SeriesTable(10_000))
    tally = Tally(UserLabel("none"), counts)
    tally.take("w0", msgspec.json.encode(closed("a", principal="alice")) + b"\n")
    assert "alice" not in str(counts)


def test_events_are_counted_by_name_and_touch_no_other_series() -> None:
    counts = counted(Event(at=AT, name="policy.activated"), Event(at=AT, name="policy.activated", principal="alice"))
    assert counts.events == {"policy.activated": 2}
    assert (counts.denied, counts.open, counts.unreadable) == ({}, {"w0": 0}, 0)


def test_what_a_policy_on_trial_would_have_done_otherwise_is_counted_by_kind() -> None:
    counts = counted(
        closed("a", shadow=Shadow("1" * 16, "deny", reason="model_denied")),
        closed("b", shadow=Shadow("1" * 16, "deny", reason="operation_denied")),
        closed("c", shadow=Shadow("1" * 16, "change", changed=["limits"])),
        closed("d"),
    )
    assert counts.shadow == {"deny": 2, "change": 1}


def test_a_model_server_that_is_not_what_it_was_is_counted_by_model_and_by_how() -> None:
    drifted = Event(at=AT, name="model.drifted", model="small", facts={"answered": "other"})
    records = [
        *(opened("a"), closed("a", outcome="failed", reason="model_drifted")),
        *(opened("b"), closed("b", outcome="failed", reason="answer_off_contract", model="large")),
        *(opened("c"), closed("c", outcome="failed", reason="upstream_closed_early")),
    ]
    counts = counted(drifted, drifted, *records, closed("d"))
    assert counts.drifts == {"small": {"name": 2, "refused": 1}, "large": {"contract": 1}}
    assert counts.events == {"model.drifted": 2}
