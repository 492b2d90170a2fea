from pathlib import Path

import pytest

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Closed, Opened
from guardhouse.limits import ledger
from guardhouse.limits.load import NOTHING, exactly
from guardhouse.limits.quota import NANO, Price, Quota
from guardhouse.limits.rate import LimitRule
from guardhouse.limits.table import LimitTable

AT = 1_767_268_800.0  # 2026-01-01T12:00:00Z
DAY = 86_400.0
RULE = LimitRule(
    "paid",
    quotas=(
        Quota("requests", 100, "day"),
        Quota("tokens", 1000, "day"),
        Quota("money", 10 * NANO, "month", "EUR", budget=True),
    ),
)
RULES = {"paid": RULE, "other": LimitRule("other")}
PRICES = {"small": Price("EUR", 1000, 2000)}


class State:
    """The files of one worker."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "limits" / "w0.json"
        self.directory = folder / "journal"
        self.clock = AT
        self.begin()

    def begin(self) -> None:
        self.journal = Journal(
            self.directory, worker="w0", schedule=lambda call: None, segment=4096, clock=lambda: self.clock
        )
        self.table = LimitTable()

    def close(self, number: int, *, at: float = AT, tokens: int = 10, cost: int = NANO, **members: object) -> None:
        record = {
            "decision": "allowed",
            "outcome": "completed",
            "principal": "alice",
            "policies": ("paid",),
            "model": "small",
            "input_tokens": tokens,
            "cost": cost,
            "currency": "EUR",
            "duration": 1.0,
        } | members
        self.journal.append(Closed(at=at, id=f"{number:024d}", **record))  # type: ignore[arg-type]
        self.journal.flush()

    def save(self) -> None:
        position = self.journal.position
        assert position is not None
        ledger.save(self.file, self.table, position, self.clock)

    def again(self) -> list[int]:
        """Start anew, and what is left of each quota then."""
        self.journal.close()
        self.begin()
        ledger.restore(self.file, self.directory, self.table, RULES, PRICES, self.clock)
        answer = self.table.admit("alice", (RULE,), NOTHING, 0.0, self.clock)
        assert not hasattr(answer, "resume")
        figures = answer.more
        assert figures is not None
        return [left + 1 if index == 0 else left for index, left in enumerate(figures[::2])]


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def test_without_a_file_the_journal_tells(state: State) -> None:
    for number in range(3):
        state.close(number)
    assert state.again() == [97, 970, 7 * NANO]


def test_what_was_saved_is_not_read_again(state: State) -> None:
    for number in range(3):
        state.close(number)
    state.again()
    state.save()
    state.close(9)
    assert ledger.restore(state.file, state.directory, LimitTable(), RULES, PRICES, AT) == 1
    assert state.again() == [96, 960, 6 * NANO]


def test_over_many_segments_each_record_counts_once(state: State) -> None:
    for number in range(40):
        state.close(number, tokens=1, cost=1)
        if number % 7 == 0:
            state.again()
            state.save()
    assert len(list(state.directory.glob("*.jsonl"))) > 2
    assert state.again() == [60, 960, 10 * NANO - 40]


def test_what_was_used_in_a_window_that_has_ended_is_forgotten(state: State) -> None:
    state.close(1, at=AT - DAY)
    state.close(2, at=AT - 40 * DAY)
    state.close(3, at=AT)
    assert state.again() == [99, 990, 9 * NANO]


def test_an_exchange_over_midnight_belongs_to_the_day_it_was_admitted_on(state: State) -> None:
    midnight = AT - DAY / 2
    state.close(1, at=midnight + 10, duration=20.0)
    state.close(2, at=midnight + 10, duration=5.0)
    assert state.again()[:2] == [99, 990]


def test_a_refused_request_counts_only_if_it_was_admitted(state: State) -> None:
    before = {"routing": "passed", "admission": "blocked"}
    after = {"routing": "passed", "admission": "passed", "inspection": "blocked"}
    state.close(1, tokens=0, cost=0, decision="denied", outcome="denied", controls=before)
    state.close(2, tokens=0, cost=0, decision="denied", outcome="denied", controls=after)
    assert state.again() == [99, 1000, 10 * NANO]


def test_an_exchange_that_was_open_when_the_worker_died_is_charged_with_its_input(state: State) -> None:
    opened = Opened(
        at=AT,
        id="x" * 24,
        principal="alice",
        credential="c",
        client="",
        operation="chat",
        model="small",
        target="local",
        policies=("paid",),
        revision="r",
        token_estimate=50,
    )
    state.journal.append(opened)
    state.journal.flush()
    assert state.again() == [99, 950, 10 * NANO - 50_000]
    state.save()
    assert state.again() == [99, 950, 10 * NANO - 50_000]


def test_other_currencies_and_policies_are_not_charged(state: State) -> None:
    state.close(1, currency="USD")
    state.close(2, policies=("other", "gone"))
    assert state.again() == [99, 990, 10 * NANO]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"at":0,"segment":9,"offset":0,"uses":[]}', b"\xff"])
def test_a_file_that_does_not_fit_is_no_file(state: State, content: bytes) -> None:
    state.close(1)
    state.file.parent.mkdir()
    state.file.write_bytes(content)
    assert state.again() == [99, 990, 9 * NANO]


def test_a_file_from_beyond_the_end_of_the_journal_is_no_file(state: State) -> None:
    state.close(1)
    state.again()
    ledger.save(state.file, state.table, (1, 10**9), AT)
    assert state.again() == [99, 990, 9 * NANO]


def test_nothing_is_read_where_nothing_is_limited_by_the_calendar(state: State) -> None:
    state.close(1)
    assert ledger.restore(state.file, state.directory, LimitTable(), {"other": LimitRule("other")}, {}, AT) == 0


def test_a_changed_rule_takes_over_what_it_still_asks_for(state: State) -> None:
    state.close(1)
    state.again()
    state.save()
    wider = {"paid": LimitRule("paid", quotas=(Quota("tokens", 5000, "day"), Quota("tokens", 5000, "week")))}
    table = LimitTable()
    ledger.restore(state.file, state.directory, table, wider, PRICES, AT)
    answer = table.admit("alice", (wider["paid"],), NOTHING, 0.0, AT)
    assert not hasattr(answer, "resume")
    assert answer.more is not None
    assert answer.more[::2] == [4990, 5000]


def test_absurd_use_is_saved_as_more_than_any_limit(state: State) -> None:
    for _ in range(3000):
        state.table.charge("alice", RULE, AT, exactly(2**53, 2**53), "EUR", AT)
    state.save()
    assert state.again()[1:] == [0, 0]
