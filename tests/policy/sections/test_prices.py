from guardhouse.limits.quota import Price, Quota, parse_budget
from guardhouse.policy.sections.limits import Limits
from guardhouse.policy.sections.prices import PriceEntry, price, priced_alike, unbounded, unpriced

EURO = PriceEntry(input=(500, "EUR"), output=(1500, "EUR"))
DOLLAR = PriceEntry(input=(500, "USD"), output=(1500, "USD"))
EMBEDS = PriceEntry(input=(500, "EUR"))


def budget(text: str) -> Quota:
    found = parse_budget(text)
    assert found is not None
    return found


def told(limits: Limits, *, answers: bool = True, **models: PriceEntry | None) -> list[str]:
    return [message for _, message in unpriced(limits, models.items(), answers=answers)]


def test_a_price_is_what_is_written() -> None:
    assert price(EURO) == Price("EUR", 500, 1500)
    assert price(EMBEDS) == Price("EUR", 500, 0)
    assert price(None) is None


def test_a_budget_of_money_needs_a_price_of_every_model_in_its_currency() -> None:
    limits = Limits(budget=(budget("5 EUR/day"),))
    assert told(limits, a=EURO) == []
    assert told(limits, a=EURO, b=None) == ["needs a price of the model b"]
    assert told(limits, a=DOLLAR) == ["is in EUR, and the price of the model a in USD"]


def test_a_price_of_output_is_needed_only_where_there_is_output() -> None:
    limits = Limits(budget=(budget("5 EUR/day"),))
    assert told(limits, a=EMBEDS) == ["needs a price for the output of the model a"]
    assert told(limits, answers=False, a=EMBEDS) == []


def test_a_budget_of_tokens_needs_no_price() -> None:
    assert told(Limits(budget=(budget("5 tokens/day"),)), a=None) == []


def test_capping_needs_to_know_the_longest_answer() -> None:
    limits = Limits(budget=(budget("5 tokens/day"),), cap_output=True)
    models = [("a", 4096), ("b", None)]
    assert [message for _, message in unbounded(limits, models, answers=True)] == ["needs max_output of the model b"]
    assert list(unbounded(limits, models, answers=False)) == []
    assert list(unbounded(Limits(budget=limits.budget), models, answers=True)) == []


def test_input_and_output_have_one_currency() -> None:
    mixed = PriceEntry(input=(1, "EUR"), output=(1, "USD"))
    assert [path for path, _ in priced_alike(mixed)] == [("price", "output")]
    assert list(priced_alike(EURO)) == list(priced_alike(EMBEDS)) == list(priced_alike(None)) == []
