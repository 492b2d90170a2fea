from itertools import count
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.rate import Rate
from guardhouse.policy.settings import SuspendRule
from guardhouse.readers import hits
from guardhouse.readers.hits import HitReader

RULE = SuspendRule(name="flood", reasons=("request_rate_exceeded", "tier_capped"), above=Rate(3, 60.0))


_numbers = count()


class Refused(msgspec.Struct):
    at: float = 0.0
    principal: str = "alice"
    reason: str = "request_rate_exceeded"
    decision: str = "denied"
    id: str = msgspec.field(default_factory=lambda: f"exchange-{next(_numbers)}")


class Reader:
    """One life of a reader, and what it told."""

    def __init__(self, file: Path, *rules: SuspendRule) -> None:
        self.told: list[tuple[str, str, int, float]] = []
        self.reader = HitReader(rules or (RULE,), self._hear, file)

    def _hear(self, rule: SuspendRule, principal: str, count: int, at: float) -> None:
        self.told.append((rule.name, principal, count, at))

    def read(self, refusals: list[Refused]) -> list[tuple[str, str, int, float]]:
        for refused in refusals:
            self.reader.note(refused)
        self.reader.save()
        return self.told


def met(refusals: list[Refused], *rules: SuspendRule) -> list[tuple[str, str, int, float]]:
    reader = Reader(Path("/dev/null"), *rules)
    for refused in refusals:
        reader.reader.note(refused)
    return reader.told


def test_every_refusal_counts_however_many_there_are_in_one_moment() -> None:
    assert met([Refused(7.0)] * 3) == []
    assert met([Refused(7.0)] * 4) == [("flood", "alice", 4, 7.0)]


def test_refusals_further_apart_than_the_window_are_not_too_many() -> None:
    assert met([Refused(20.0 * number) for number in range(50)]) == []
    assert [told[2] for told in met([Refused(19.9 * number) for number in range(4)])] == [4]


def test_a_rule_is_met_once_per_window() -> None:
    told = met([Refused(float(second)) for second in range(130)])
    assert [at for _, _, _, at in told] == [3.0, 63.0, 123.0]


def test_principals_and_rules_count_apart_and_other_reasons_not_at_all() -> None:
    other = msgspec.structs.replace(RULE, name="other", reasons=("model_denied",))
    refusals = [Refused(principal=name) for name in ("alice", "bob") for _ in range(3)]
    assert met([*refusals, *[Refused(reason="model_denied")] * 3], RULE, other) == []
    assert met([Refused(reason="credential_invalid")] * 9) == []
    assert met([Refused(decision="allowed")] * 9) == []
    assert met([Refused(principal="")] * 9) == []


def test_only_so_many_principals_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hits, "MOST", 2)
    refusals = [Refused(principal=name) for name in ("alice", "alice", "alice", "bob", "carol", "alice")]
    assert met(refusals) == []


@given(st.lists(st.floats(0, 300), max_size=60))
def test_a_rule_is_met_if_and_only_if_some_window_holds_too_many(times: list[float]) -> None:
    times.sort()
    crowded = any(times[n + 3] - times[n] < 60.0 for n in range(len(times) - 3))
    assert bool(met([Refused(at) for at in times])) == crowded


def test_what_is_read_again_after_a_restart_meets_no_rule_again(tmp_path: Path) -> None:
    refusals = [Refused(float(second)) for second in range(4)]
    assert len(Reader(tmp_path / "refusals.json").read(refusals)) == 1
    again = Reader(tmp_path / "refusals.json")
    assert again.read([*refusals, Refused(5.0)]) == []
    assert len(again.read([Refused(60.0 + number) for number in range(4)])) == 1


def test_nothing_is_written_unless_a_rule_was_met(tmp_path: Path) -> None:
    Reader(tmp_path / "refusals.json").read([Refused()])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_says_nothing_sensible_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "refusals.json").write_text('{"until": []}')
    assert len(Reader(tmp_path / "refusals.json").read([Refused()] * 4)) == 1


def test_who_counts_together_is_told_of_each_window_that_has_grown_and_may_report_more(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "refusals.json")
    grown: list[hits.Window] = []
    reader.reader.newly = grown.append
    reader.read([Refused(1.0), Refused(2.0), Refused(3.0, reason="model_denied")])
    assert [(window.principal, len(window.hits)) for window in grown] == [("alice", 2)] * 2
    assert list(reader.reader.windows()) == grown[:1]
    reader.reader.see(grown[0], 3, 2.0)
    assert reader.told == []
    reader.reader.see(grown[0], 4, 2.0)
    reader.reader.see(grown[0], 5, 2.5)
    assert reader.told == [("flood", "alice", 4, 2.0)]
