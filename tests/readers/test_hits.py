import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.rate import Rate
from guardhouse.policy.settings import SuspendRule
from guardhouse.readers import hits
from guardhouse.readers.hits import HitReader

RULE = SuspendRule(name="flood", reasons=("request_rate_exceeded", "tier_capped"), above=Rate(3, 60.0))


class Refused(msgspec.Struct):
    at: float = 0.0
    principal: str = "alice"
    reason: str = "request_rate_exceeded"
    decision: str = "denied"


def met(refusals: list[Refused], *rules: SuspendRule) -> list[tuple[str, str, int, float]]:
    told: list[tuple[str, str, int, float]] = []
    reader = HitReader(rules or (RULE,), lambda rule, name, count, at: told.append((rule.name, name, count, at)))
    for refused in refusals:
        reader.note(refused)
    return told


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
    monkeypatch.setattr(hits, "_MOST", 2)
    refusals = [Refused(principal=name) for name in ("alice", "alice", "alice", "bob", "carol", "alice")]
    assert met(refusals) == []


@given(st.lists(st.floats(0, 300), max_size=60))
def test_a_rule_is_met_if_and_only_if_some_window_holds_too_many(times: list[float]) -> None:
    times.sort()
    crowded = any(times[n + 3] - times[n] < 60.0 for n in range(len(times) - 3))
    assert bool(met([Refused(at) for at in times])) == crowded
