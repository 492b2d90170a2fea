import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.readers import usage
from guardhouse.readers.usage import UsageReader

NOON = 1_800_000_000.0 - 1_800_000_000.0 % 60


class Ended(msgspec.Struct):
    at: float = NOON
    principal: str = "alice"
    credential: str = "k1"
    decision: str = "allowed"
    input_tokens: int = 10
    output_tokens: int = 5


def test_requests_refusals_and_tokens_of_the_last_hour_are_summed() -> None:
    reader = UsageReader()
    for ended in (Ended(), Ended(decision="denied", input_tokens=0, output_tokens=0), Ended(at=NOON - 3540)):
        reader.note(ended)
    [alice] = reader.report(NOON)
    assert (alice.requests, alice.refused, alice.input_tokens, alice.output_tokens) == (3, 1, 20, 10)
    [alice] = reader.report(NOON + 120)
    assert alice.requests == 2


def test_the_rate_counts_the_older_minute_for_its_part() -> None:
    reader = UsageReader()
    for _ in range(60):
        reader.note(Ended(at=NOON - 1))
    assert reader.report(NOON)[0].requests_per_minute == 60.0
    assert reader.report(NOON + 30)[0].requests_per_minute == 30.0
    assert reader.report(NOON + 30)[0].tokens_per_minute == 450.0
    assert reader.report(NOON + 60)[0].requests_per_minute == 0.0


def test_only_credentials_that_were_used_lately_are_active() -> None:
    reader = UsageReader()
    reader.note(Ended(at=NOON - 901, credential="old"))
    reader.note(Ended(credential="new"))
    assert reader.report(NOON)[0].credentials == ["new"]


def test_the_busiest_comes_first_and_who_was_not_seen_for_an_hour_is_gone() -> None:
    reader = UsageReader()
    for principal in ("alice", "bob", "bob"):
        reader.note(Ended(principal=principal))
    reader.note(Ended(principal="carol", at=NOON - 3601))
    assert [each.principal for each in reader.report(NOON)] == ["bob", "alice"]


def test_a_request_of_nobody_known_is_nobodys_use() -> None:
    reader = UsageReader()
    reader.note(Ended(principal=""))
    assert reader.report(NOON) == []


def test_only_so_many_principals_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST", 2)
    reader = UsageReader()
    for principal in ("alice", "bob", "alice", "carol"):
        reader.note(Ended(principal=principal, at=NOON + len(principal)))
    for minute in range(1, 3):
        reader.note(Ended(principal="dave", at=NOON + 60 * minute))
    assert len(reader.report(NOON + 120)) == 2


@given(st.lists(st.tuples(st.floats(0, 7200), st.integers(0, 100)), max_size=50))
def test_whatever_the_order_of_records_the_last_hour_is_what_it_holds(uses: list[tuple[float, int]]) -> None:
    reader = UsageReader()
    for offset, tokens in sorted(uses):
        reader.note(Ended(at=NOON + offset, input_tokens=tokens, output_tokens=0))
    now = NOON + 7200
    within = [(offset, tokens) for offset, tokens in uses if int((NOON + offset) // 60) > int(now // 60) - 60]
    found = reader.report(now)
    assert sum(each.requests for each in found) == len(within)
    assert sum(each.input_tokens for each in found) == sum(tokens for _, tokens in within)
