import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.conditions import Conditions
from guardhouse.policy.facts import Facts
from guardhouse.policy.sections.hours import Calendar, HoursEntry
from guardhouse.policy.sections.networks import Atlas
from guardhouse.policy.sections.when import Range, When

ATLAS = Atlas({"office": ("192.0.2.0/24",), "lab": ("192.0.2.128/25",)})
CALENDAR = Calendar(
    {"day": HoursEntry(zone="UTC", begin=480, end=1080), "monday": HoursEntry(zone="UTC", days=("mon",))}
)


def holds(when: When, facts: Facts) -> bool:
    """The plain reading that the tables have to agree with."""
    networks, hours = ATLAS.names_at(facts.client), CALENDAR.names_at(facts.at)
    return (
        (not when.network or bool(networks & set(when.network)))
        and not networks & set(when.not_network)
        and (not when.time or bool(hours & set(when.time)))
        and not hours & set(when.not_time)
        and (when.size is None or when.size.holds(facts.size))
        and (when.risk is None or when.risk.holds(facts.risk))
        and when.stream in (None, facts.stream)
        and when.tools in (None, facts.tools)
    )


networks = st.lists(st.sampled_from(["office", "lab"]), max_size=2, unique=True).map(tuple)
hours = st.lists(st.sampled_from(["day", "monday"]), max_size=2, unique=True).map(tuple)
flags = st.none() | st.booleans()


def ranges(most: int) -> st.SearchStrategy[Range | None]:
    figures = st.none() | st.integers(0, most)
    return st.none() | st.builds(Range, at_least=figures, at_most=figures)


whens = st.builds(
    When,
    network=networks,
    not_network=networks,
    time=hours,
    not_time=hours,
    size=ranges(30),
    risk=ranges(10),
    stream=flags,
    tools=flags,
)
facts = st.builds(
    Facts,
    client=st.sampled_from(["192.0.2.1", "192.0.2.200", "198.51.100.1", ""]),
    at=st.integers(0, 14 * 24 * 60).map(lambda minutes: minutes * 60.0 + 7),
    size=st.integers(0, 40),
    stream=st.booleans(),
    tools=st.booleans(),
    risk=st.integers(0, 10),
)


@given(st.lists(whens, max_size=8), st.lists(facts, min_size=1, max_size=4))
def test_the_tables_say_what_a_plain_reading_says(whens: list[When], requests: list[Facts]) -> None:
    conditions = Conditions(whens, ATLAS, CALENDAR)
    every = (1 << len(whens)) - 1
    for request in (*requests, *requests):  # the second time from what is known
        expected = sum(1 << number for number, when in enumerate(whens) if holds(when, request))
        assert conditions.holding(every, request) == expected


@given(st.lists(whens, min_size=1, max_size=8), facts, st.integers(0, 255))
def test_only_of_the_given_policies_is_anything_said(whens: list[When], request: Facts, given: int) -> None:
    conditions = Conditions(whens, ATLAS, CALENDAR)
    given &= (1 << len(whens)) - 1
    every = (1 << len(whens)) - 1
    assert conditions.holding(given, request) == given & conditions.holding(every, request)


def test_policies_without_conditions_are_not_conditional() -> None:
    whens = [When(), When(region=("eu",)), When(stream=False)]
    assert Conditions(whens, ATLAS, CALENDAR).conditional == 0b100


def test_what_is_kept_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guardhouse.policy.conditions._MOST_ADDRESSES", 8)
    conditions = Conditions([When(network=("office",))], ATLAS, CALENDAR)
    for number in range(256):
        assert conditions.holding(1, Facts(client=f"192.0.2.{number}")) == 1
        assert conditions.holding(1, Facts(client=f"192.0.3.{number}")) == 0
    assert len(conditions._addresses) <= 8
