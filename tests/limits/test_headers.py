import re

import pytest
from desks import LocalDesk
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.headers import duration, render
from guardhouse.limits.quota import NANO, Quota
from guardhouse.limits.rate import Concurrency, LimitRule, Rate

RULE = LimitRule("research may chat", Rate(60, 60.0), Rate(200_000, 86400.0))


def test_an_admission_is_told_in_both_vocabularies() -> None:
    lines = render(LocalDesk().admit("alice", (RULE,), 1000, 0.0)).decode().split("\r\n")
    assert lines == [
        'ratelimit-policy: "research may chat";q=60;w=60, "research may chat:tokens";q=200000;w=86400;qu="tokens"',
        'ratelimit: "research may chat";r=59;t=1, "research may chat:tokens";r=199000;t=432',
        "x-ratelimit-limit-requests: 60",
        "x-ratelimit-remaining-requests: 59",
        "x-ratelimit-reset-requests: 1s",
        "x-ratelimit-limit-tokens: 200000",
        "x-ratelimit-remaining-tokens: 199000",
        "x-ratelimit-reset-tokens: 7m12s",
        "",
    ]


def test_without_limits_nothing_is_told() -> None:
    assert render(LocalDesk().admit("alice", (), 10, 0.0)) == b""


def test_only_what_is_limited_is_told() -> None:
    told = render(LocalDesk().admit("alice", (LimitRule("r", Rate(5, 1.0)),), 10, 0.0))
    assert b"tokens" not in told
    assert b"x-ratelimit-remaining-requests: 4\r\n" in told


def test_a_refusal_shows_that_nothing_is_left() -> None:
    table, rules = LocalDesk(), (LimitRule("one", Rate(1, 60.0)),)
    table.admit("alice", rules, 0, 0.0)
    told = render(table.admit("alice", rules, 0, 1.0))
    assert b'ratelimit: "one";r=0;t=59\r\n' in told
    assert b"x-ratelimit-reset-requests: 59s\r\n" in told


def test_a_debt_is_shown_as_nothing_left() -> None:
    table, rules = LocalDesk(), (LimitRule("t", tokens=Rate(100, 100.0)),)
    first = table.admit("alice", rules, 100, 0.0)
    first.levels[0] = -50.0
    assert b'"t:tokens";r=0;t=150\r\n' in render(first)


def test_sdks_are_shown_the_tightest_limit() -> None:
    rules = (LimitRule("wide", Rate(1000, 60.0)), LimitRule("tight", Rate(10, 60.0)), LimitRule("mid", Rate(50, 60.0)))
    told = render(LocalDesk().admit("alice", rules, 0, 0.0))
    assert told.count(b"x-ratelimit-limit-requests") == 1
    assert b"x-ratelimit-limit-requests: 10\r\n" in told
    assert b'"wide";r=999;t=1, "tight";r=9;t=6, "mid";r=49;t=2\r\n' in told


def test_a_percent_sign_in_a_name_is_only_a_name() -> None:
    told = render(LocalDesk().admit("alice", (LimitRule("at 100% %d", Rate(5, 1.0)),), 0, 0.0))
    assert told.startswith(b'ratelimit-policy: "at 100% %d";q=5;w=1\r\nratelimit: "at 100% %d";r=4;t=1\r\n')


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, b"0s"), (1, b"1s"), (59, b"59s"), (60, b"1m0s"), (360, b"6m0s"), (3600, b"1h0m0s"), (86399, b"23h59m59s")],
)
def test_durations_are_written_as_sdks_read_them(seconds: int, text: bytes) -> None:
    assert duration(seconds) == text


def test_quotas_budgets_and_places_are_told_beside_the_rates() -> None:
    rule = LimitRule(
        "r",
        Rate(60, 60.0),
        concurrent=Concurrency(4),
        quotas=(Quota("tokens", 1000, "day"), Quota("money", 50 * NANO, "month", "EUR", budget=True)),
    )
    desk = LocalDesk()
    lines = render(desk.admit("alice", (rule,), 300, now=3600.0, money=NANO // 4)).decode().split("\r\n")
    assert lines[0].removeprefix("ratelimit-policy: ").split(", ") == [
        '"r";q=60;w=60',
        '"r:concurrent";q=4;qu="concurrent-requests"',
        '"r:tokens/day";q=1000;w=86400;qu="tokens"',
        '"r:EUR/month";q=5000;w=2592000;qu="EUR/100"',
    ]
    assert lines[1].removeprefix("ratelimit: ").split(", ") == [
        '"r";r=59;t=1',
        '"r:concurrent";r=3;t=0',
        '"r:tokens/day";r=700;t=82800',
        '"r:EUR/month";r=4975;t=2674800',
    ]
    assert lines[5:8] == [
        "x-ratelimit-limit-tokens: 1000",
        "x-ratelimit-remaining-tokens: 700",
        "x-ratelimit-reset-tokens: 23h0m0s",
    ]


def test_sdks_are_shown_a_quota_where_it_is_tighter_than_the_rate() -> None:
    rule = LimitRule("r", Rate(60, 60.0), quotas=(Quota("requests", 10, "h"),))
    told = render(LocalDesk().admit("alice", (rule,), 0, now=1800.0))
    assert told.count(b"x-ratelimit-limit-requests") == 1
    assert b"x-ratelimit-limit-requests: 10\r\n" in told
    assert b"x-ratelimit-reset-requests: 30m0s\r\n" in told


names = st.text(st.sampled_from("ab %.-_()/"), min_size=1, max_size=8)
some_rates = st.none() | st.builds(Rate, st.integers(1, 10**12), st.sampled_from([1.0, 60.0, 3600.0, 86400.0]))
rules = st.lists(st.builds(LimitRule, names, some_rates, some_rates), max_size=4, unique_by=lambda rule: rule.policy)


@given(rules, st.integers(0, 10**6), st.floats(0, 10**6))
def test_every_line_is_a_well_formed_header(rules: list[LimitRule], tokens: int, now: float) -> None:
    for line in render(LocalDesk().admit("alice", tuple(rules), tokens, now)).split(b"\r\n")[:-1]:
        assert re.fullmatch(rb"[a-z-]+: [\x20-\x7e]+", line)
        assert b";r=-" not in line
