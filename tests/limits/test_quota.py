import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.quota import NANO, Price, Quota, parse_budget, parse_price, parse_quota, show_money, show_price


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("10k requests/day", Quota("requests", 10_000, "day")),
        ("5M tokens/month", Quota("tokens", 5_000_000, "month")),
        ("7 requests/min", Quota("requests", 7, "min")),
    ],
)
def test_quotas_are_read_and_written_alike(text: str, quota: Quota) -> None:
    assert parse_quota(text) == quota
    assert str(quota) == text


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [("50 EUR/month", 50 * NANO, "EUR"), ("12.50 USD/week", 25 * NANO // 2, "USD"), ("0.01 CHF/h", NANO // 100, "CHF")],
)
def test_budgets_of_money_are_whole_billionths(text: str, amount: int, currency: str) -> None:
    budget = parse_budget(text)
    assert budget is not None
    assert (budget.unit, budget.amount, budget.currency, budget.budget) == ("money", amount, currency, True)
    assert str(budget) == text


def test_a_budget_may_be_of_tokens() -> None:
    assert parse_budget("2M tokens/month") == Quota("tokens", 2_000_000, "month", budget=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10/day",
        "10 requests",
        "0 requests/day",
        "10 request/day",
        "10 tokens/year",
        "-1 tokens/day",
        "50 EUR/month",
    ],
)
def test_what_is_no_quota_is_none(text: str) -> None:
    assert parse_quota(text) is None


@pytest.mark.parametrize(
    "text",
    ["50/month", "0 EUR/month", "0.00 EUR/month", "1.234 EUR/day", "50 eur/month", "9000001 EUR/month", "1 EURO/h"],
)
def test_what_is_no_budget_is_none(text: str) -> None:
    assert parse_budget(text) is None


@pytest.mark.parametrize(
    ("text", "nano"), [("0.50 EUR/1M", 500), ("15 EUR/1M", 15_000), ("0.075 EUR/1M", 75), ("0 EUR/1M", 0)]
)
def test_prices_are_whole_billionths_per_token(text: str, nano: int) -> None:
    price = parse_price(text)
    assert price == (nano, "EUR")
    assert parse_price(show_price(price)) == price


@pytest.mark.parametrize("text", ["0.50 EUR", "0.50 EUR/1k", "0.0005 EUR/1M", "EUR/1M", "1,5 EUR/1M"])
def test_what_is_no_price_is_none(text: str) -> None:
    assert parse_price(text) is None


def test_the_cost_of_an_exchange_is_that_of_its_tokens() -> None:
    assert Price("EUR", 500, 1500).of(1_000_000, 2_000_000) == 3_500_000_000


def test_a_cost_stays_what_a_record_can_hold_whatever_a_model_server_reports() -> None:
    assert Price("EUR", 500, 1500).of(2**53, 2**53) == 2**53


@given(st.integers(1, 9_000_000 * 100))
def test_every_budget_in_cents_is_read_back_as_it_is_written(cents: int) -> None:
    text = str(Quota("money", cents * (NANO // 100), "month", "EUR", budget=True))
    budget = parse_budget(text)
    assert budget is not None
    assert budget.amount == cents * (NANO // 100)


@given(st.integers(-(2**53), 2**53))
def test_money_is_shown_without_rounding(amount: int) -> None:
    text = show_money(amount)
    whole, _, decimals = text.lstrip("-").partition(".")
    assert (int(whole) * NANO + int(decimals.ljust(9, "0") or 0)) * (-1 if text.startswith("-") else 1) == amount
