import pytest

from guardhouse.limits.quota import Quota, parse_budget, parse_quota
from guardhouse.limits.rate import Concurrency, LimitRule, Queue, Rate
from guardhouse.policy.problem import dotted
from guardhouse.policy.sections.limits import Limits, findings, rule

RATE = Rate(1, 1.0)


def quota(text: str) -> Quota:
    found = parse_quota(text) or parse_budget(text)
    assert found is not None
    return found


def places(limits: Limits, *, uses_tokens: bool = True) -> list[str]:
    return [dotted(path) for path, _ in findings(limits, uses_tokens=uses_tokens)]


@pytest.mark.parametrize(
    "limits",
    [
        Limits(requests=RATE),
        Limits(concurrent=1, queue=Queue()),
        Limits(quota=(quota("1 requests/day"), quota("1 requests/month")), zone="Europe/Berlin"),
        Limits(budget=(quota("1 EUR/day"),), cap_output=True),
    ],
)
def test_limits_that_can_act_are_left_alone(limits: Limits) -> None:
    assert places(limits) == []


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(), [""]),
        (Limits(requests=RATE, zone="Europe/Berlin"), ["zone"]),
        (Limits(quota=(quota("1 tokens/day"),), zone="Mars/Olympus"), ["zone"]),
        (Limits(quota=(quota("1 tokens/day"),), queue=Queue()), ["queue"]),
        (Limits(requests=RATE, cap_output=True), ["cap_output"]),
        (Limits(budget=(quota("1 EUR/day"), quota("2 EUR/day"), quota("2 USD/day"))), ["budget[1]"]),
    ],
)
def test_what_can_have_no_effect_is_told_at_its_place(limits: Limits, told: list[str]) -> None:
    assert places(limits) == told


def test_where_no_tokens_are_used_only_requests_are_limited() -> None:
    limits = Limits(
        requests=RATE, tokens=RATE, quota=(quota("1 requests/day"), quota("1 tokens/day")), budget=(quota("1 EUR/day"),)
    )
    assert places(limits, uses_tokens=False) == ["tokens", "quota[1]", "budget[0]"]


def test_a_budget_reserves_a_bound_unless_an_estimate_will_do() -> None:
    budget, other = (quota("1 EUR/day"),), (quota("5 tokens/day"),)
    assert rule("p", Limits(budget=budget)).bounded
    assert not rule("p", Limits(budget=budget, reserve="estimate")).bounded
    assert not rule("p", Limits(quota=other, tokens=RATE)).bounded
    assert [message for _, message in findings(Limits(requests=RATE, reserve="estimate"), uses_tokens=True)] == [
        "has no effect: there is no budget, and all other limits reserve an estimate"
    ]


def test_the_zone_is_that_of_every_window() -> None:
    limits = Limits(
        requests=RATE, concurrent=3, quota=(quota("1 requests/day"),), budget=(quota("1 EUR/day"),), zone="Asia/Tokyo"
    )
    assert rule("p", limits) == LimitRule(
        "p",
        RATE,
        concurrent=Concurrency(3),
        quotas=(
            Quota("requests", 1, "day", zone="Asia/Tokyo"),
            Quota("money", 10**9, "day", "EUR", budget=True, zone="Asia/Tokyo", bound=True),
        ),
    )
